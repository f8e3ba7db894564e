// What one pick costs under each policy, with few and with very many instances, and what one change of the pool costs.
//
// Build and run from the package's root:
//   swiftc -O -wmo Sources/Mesh/{Values,Balance,Outlier}/*.swift Benchmarks/balance/main.swift -o /tmp/balance && /tmp/balance
import Glibc

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

print("policy, instances: pick + report + release ns, new pool us, adopt us")
for policy in BalancePolicy.allCases {
    for count in [3, 1_000] {
        let instances = (0..<count).map {
            InstancePool.Instance(key: BalanceHash.of("instance-\($0)"), weight: UInt32($0 % 3 + 1))
        }
        var random = SplitMix64(seed: 1)
        let pool = InstancePool(instances, policy: policy)
        var picker = InstancePicker(pool: pool, random: &random)
        var held: [UInt64] = []
        for _ in 0..<4_096 { held.append(picker.pick(hash: random.next(), now: 0, random: &random)!.key) }
        var best = UInt64.max
        for _ in 0..<5 {
            let start = nanoseconds()
            for round in 0..<100_000 {
                let pick = picker.pick(hash: random.next(), now: UInt64(round), random: &random)!
                picker.report(pick.key, .success, now: UInt64(round), random: &random)
                let slot = round & 4_095
                picker.release(held[slot])
                held[slot] = pick.key
            }
            best = min(best, (nanoseconds() - start) / 100_000)
        }
        var made = UInt64.max
        var adopted = UInt64.max
        for round in 0..<5 {
            var changed = instances
            changed[round % count].weight += 1
            let start = nanoseconds()
            let next = InstancePool(changed, policy: policy, previous: pool)
            let middle = nanoseconds()
            var copy = picker
            copy.adopt(next, random: &random)
            made = min(made, middle - start)
            adopted = min(adopted, nanoseconds() - middle)
        }
        print("\(policy.word), \(count): \(best) ns, \(made / 1_000) us, \(adopted / 1_000) us")
    }
}
