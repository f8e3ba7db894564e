import Mesh

extension Suite {
    /// What one pick costs under each policy as instances grow, and what a change of one of them costs.
    mutating func balance() {
        for policy in BalancePolicy.allCases {
            for count in [10, 1000, 10_000] {
                let instances = (0..<count).map {
                    InstancePool.Instance(
                        key: BalanceHash.of("instance-\($0)"), weight: UInt32($0 % 3 + 1), zone: UInt64($0 % 3))
                }
                let pool = InstancePool(instances, policy: policy)
                picks("balance \(policy.word), pick among \(count)", pool)
                changes(policy, pool, instances)
                adoptions(policy, pool, instances)
                guard !policy.usesHash else { continue }
                let zoned = InstancePool(instances, policy: policy, preference: ZonePreference(zone: 1))
                picks("balance \(policy.word) in three zones, a tenth new, pick among \(count)", zoned, growing: true)
            }
        }
    }

    /// A connection that comes and one that goes, with 4,096 open.
    private mutating func picks(_ name: String, _ pool: InstancePool, growing: Bool = false) {
        var random = SplitMix64(seed: 1)
        let slowStart = growing ? SlowStart(window: 60_000_000_000) : nil
        // Silence is looked for by default.
        let outlier = OutlierPolicy(latency: growing ? LatencyPolicy(factor: 4) : nil, silence: SilencePolicy())
        let before = growing ? InstancePool(pool.instances.dropLast(pool.count / 10), policy: pool.policy) : pool
        var picker = InstancePicker(pool: before, outlierPolicy: outlier, slowStart: slowStart, random: &random)
        if growing { picker.adopt(pool, slowStart: slowStart, now: 0, random: &random) }
        var held: [UInt64] = []
        held.reserveCapacity(4096)
        for _ in 0..<4096 {
            guard let pick = picker.pick(hash: random.next(), now: 0, random: &random) else { return }
            held.append(pick.key)
        }
        measure(name, "connection") { repetitions in
            for round in 0..<repetitions {
                guard let pick = picker.pick(hash: random.next(), now: UInt64(round), random: &random) else { return }
                if growing {
                    _ = picker.reportConnected(pick.key, after: 1_000_000, now: UInt64(round), random: &random)
                }
                _ = picker.report(pick.key, .success, now: UInt64(round), random: &random)
                picker.release(held[round & 4095])
                held[round & 4095] = pick.key
            }
        }
    }

    /// Another weight of one instance: a pool made from the one before.
    private mutating func changes(
        _ policy: BalancePolicy, _ pool: InstancePool, _ instances: [InstancePool.Instance]
    ) {
        var changed = instances
        // Twenty: each of the first instances' weights one way and back.
        measure("balance \(policy.word), change of one among \(instances.count)", "change", counted: 20) {
            repetitions in
            for round in 0..<repetitions {
                changed[round % changed.count].weight ^= 4
                keep(InstancePool(changed, policy: policy, previous: pool))
            }
        }
    }

    /// The same as one loop takes it over.
    private mutating func adoptions(
        _ policy: BalancePolicy, _ pool: InstancePool, _ instances: [InstancePool.Instance]
    ) {
        var changed = instances
        changed[0].weight ^= 4
        let pools = [pool, InstancePool(changed, policy: policy, previous: pool)]
        var random = SplitMix64(seed: 1)
        var picker = InstancePicker(pool: pool, random: &random)
        let name = "balance \(policy.word), a loop takes over a change of one among \(pool.count)"
        measure(name, "change") { repetitions in
            for round in 0..<repetitions {
                picker.adopt(pools[(round + 1) & 1], now: UInt64(round), random: &random)
            }
        }
    }
}
