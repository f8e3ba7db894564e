import Kernel
import Mesh

extension RouteState {
    /// Takes another plan over. Clusters go on under their names; those that are gone are kept while connections live on
    /// them.
    func adopt(_ new: RoutePlan, now: Instant, random: inout SplitMix64) {
        guard new != plan else { return }
        var indices: [Int] = []
        var taken: Set<Int> = []
        for cluster in new.clusters {
            if let index = clusters.indices.first(where: { clusters[$0].name == cluster.name && !taken.contains($0) }) {
                clusters[index].change(to: cluster, now: now, random: &random)
                taken.insert(index)
                indices.append(index)
            } else {
                indices.append(-1)
            }
        }
        for index in clusters.indices where !taken.contains(index) { clusters[index].retire(now: now, random: &random) }
        for (position, cluster) in new.clusters.enumerated() where indices[position] < 0 {
            let fresh = ClusterState(cluster, random: &random)
            if let free = clusters.indices.first(where: { clusters[$0].isRemoved && clusters[$0].targets.live == 0 }) {
                clusters[free] = fresh
                indices[position] = free
            } else {
                indices[position] = clusters.count
                clusters.append(fresh)
            }
        }
        orders = new.splits.map { split in split.order.map { indices[$0] } }
        shares = new.splits.count > 1 ? AliasTable(ContiguousArray(new.splits.map(\.weight))) : nil
        usesHash = new.clusters.contains { $0.pool.policy.usesHash }
        hasLimits = !new.limits.isUnlimited || !new.sourceLimits.isUnlimited
        if new.retry.budgetPercent != plan?.retry.budgetPercent || new.retry.budgetMinimum != plan?.retry.budgetMinimum
        {
            budget = new.retry.budgetPercent.map {
                RetryBudget(percent: $0, minimumPerSecond: new.retry.budgetMinimum, now: 0)
            }
        }
        retry = new.retry
        hedge = new.hedge
        rebalance = new.rebalance
        plan = new
    }
}
