import Mesh

extension Suite {
    /// What one pick costs under each policy as instances grow, and what a change of one of them costs.
    mutating func balance() {
        for policy in BalancePolicy.allCases {
            for count in [3, 1000] {
                let instances = (0..<count).map {
                    InstancePool.Instance(key: BalanceHash.of("instance-\($0)"), weight: UInt32($0 % 3 + 1))
                }
                let pool = InstancePool(instances, policy: policy)
                picks(policy, pool, count)
                changes(policy, pool, instances)
            }
        }
    }

    /// A connection that comes and one that goes, with 4,096 open.
    private mutating func picks(_ policy: BalancePolicy, _ pool: InstancePool, _ count: Int) {
        var random = SplitMix64(seed: 1)
        var picker = InstancePicker(pool: pool, random: &random)
        var held: [UInt64] = []
        held.reserveCapacity(4096)
        for _ in 0..<4096 {
            guard let pick = picker.pick(hash: random.next(), now: 0, random: &random) else { return }
            held.append(pick.key)
        }
        measure("balance \(policy.word), pick among \(count)", "connection") { repetitions in
            for round in 0..<repetitions {
                guard let pick = picker.pick(hash: random.next(), now: UInt64(round), random: &random) else { return }
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
        measure("balance \(policy.word), change of one among \(instances.count)", "change") { repetitions in
            for round in 0..<repetitions {
                changed[round % changed.count].weight ^= 4
                keep(InstancePool(changed, policy: policy, previous: pool))
            }
        }
    }
}
