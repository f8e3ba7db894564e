/// Draws places with given weights in constant time (Vose, 1991), in whole numbers, hence exactly.
public struct AliasTable: Sendable {
    /// For each place: a draw below this (out of `total`) stays, others go to `alias`.
    private let stay: ContiguousArray<UInt64>
    private let alias: ContiguousArray<UInt32>
    private let total: UInt64

    /// The table of `weights` (less than 2^32 of them together), of which at least one is not zero.
    public init(_ weights: ContiguousArray<UInt32>) {
        let total = weights.reduce(UInt64(0)) { $0 + UInt64($1) }
        let count = UInt64(weights.count)
        var stay = ContiguousArray<UInt64>(repeating: total, count: weights.count)
        var alias = ContiguousArray<UInt32>((0..<UInt32(weights.count)))
        // Each column holds `total`; the weights, times the number of columns, fill them exactly.
        var left = weights.map { UInt64($0) * count }
        var poor = left.indices.filter { left[$0] < total }
        var rich = left.indices.filter { left[$0] >= total }
        while let low = poor.popLast(), let high = rich.last {
            stay[low] = left[low]
            alias[low] = UInt32(high)
            left[high] -= total - left[low]
            if left[high] < total {
                rich.removeLast()
                poor.append(high)
            }
        }
        self.stay = stay
        self.alias = alias
        self.total = total
    }

    /// A place, drawn with its weight's share.
    public func draw(_ random: inout SplitMix64) -> Int {
        let column = random.below(stay.count)
        let coin = random.next().multipliedFullWidth(by: total).high
        return coin < stay[column] ? column : Int(alias[column])
    }
}
