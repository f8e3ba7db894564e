import HTTP
import Mesh

/// How fresh an answer is wanted. One process answers all three alike; only a header's text differs.
enum Consistency: String {
    case leader, consistent, stale
}

/// The parameters of a read that may wait.
struct QueryOptions {
    var index: UInt64 = 0
    var wait = Duration.zero
    var consistency = Consistency.leader

    /// The longest wait, whatever `max_query_time` says.
    static let longestWait = Duration.seconds(600)

    init(_ target: Target) throws(Refusal) {
        if let text = target["index"], !text.isEmpty {
            guard let index = UInt64(text) else { throw Refusal(400, "Invalid index") }
            self.index = index
        }
        if let text = target["wait"], !text.isEmpty {
            guard let wait = try? Duration(go: text) else { throw Refusal(400, "Invalid wait time") }
            self.wait = wait
        }
        let isStale = target.has("stale")
        if isStale { consistency = .stale }
        if target.has("consistent") { consistency = .consistent }
        if isStale && target.has("consistent") {
            throw Refusal(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
        }
        if let text = target["max_stale"], !text.isEmpty {
            guard (try? Duration(go: text)) != nil else { throw Refusal(400, "Invalid max_stale value \"\(text)\"") }
            if !target.has("consistent") { consistency = .stale }
        }
    }

    /// How long to wait: `default_query_time` (five minutes) unless told, `max_query_time` (ten minutes) at most.
    func patience(_ configuration: Configuration) -> Duration {
        let wanted = wait <= .zero ? configuration.defaultQueryTime : wait
        return min(wanted, configuration.maxQueryTime, Self.longestWait)
    }

    /// The headers that go with an answer of this index.
    func headers(index: UInt64, effective: Bool) -> [HeaderField] {
        var fields: [HeaderField] = []
        if effective { fields.append(HeaderField("X-Consul-Effective-Consistency", consistency.rawValue)) }
        fields.append(HeaderField("X-Consul-Index", String(max(index, 1))))
        fields.append(HeaderField("X-Consul-Knownleader", "true"))
        fields.append(HeaderField("X-Consul-Lastcontact", "0"))
        return fields
    }
}
