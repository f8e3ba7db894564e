import JSON
import Mesh

/// The kinds of config entries of Consul 1.9.
enum ConfigEntryKind: String, CaseIterable, Sendable {
    case serviceDefaults = "service-defaults"
    case proxyDefaults = "proxy-defaults"
    case serviceIntentions = "service-intentions"
    case serviceRouter = "service-router"
    case serviceSplitter = "service-splitter"
    case serviceResolver = "service-resolver"
    case ingressGateway = "ingress-gateway"
    case terminatingGateway = "terminating-gateway"

    /// The same among the kinds that take part in discovery chains or give proxies their settings, the only ones beside
    /// intentions that do anything here. The others decide by HTTP request or describe gateways; taking them would promise
    /// what does not happen.
    var chained: ChainEntry.Kind? { ChainEntry.Kind(rawValue: rawValue) }
}

/// A config entry in force. Intentions live in their own table.
struct ConfigEntry: Sendable, Hashable {
    var content: ChainEntry
    var createIndex: UInt64 = 0
    var modifyIndex: UInt64 = 0

    /// The entry as the API shows it.
    var shape: Value {
        var object = content.shape
        object.append("CreateIndex", .number(createIndex))
        object.append("ModifyIndex", .number(modifyIndex))
        return .object(object)
    }
}

/// An entry as somebody asks for it.
enum ConfigEntryWish {
    case entry(ConfigEntryKind, ChainEntry)
    case intentions(destination: String, [IntentionDraft])

    var kind: ConfigEntryKind {
        switch self {
        case .entry(let kind, _): kind
        case .intentions: .serviceIntentions
        }
    }

    var name: String {
        switch self {
        case .entry(_, let entry): entry.name
        case .intentions(let destination, _): destination
        }
    }
}

/// Why a body is no config entry.
struct ConfigEntryFault: Error {
    let status: Int
    let text: String

    static func decoding(_ text: String) -> ConfigEntryFault {
        ConfigEntryFault(status: 400, text: "Bad request: Request decoding failed: " + text)
    }
}

extension ConfigEntryWish {
    /// Reads an entry in the API's spelling or a file's.
    ///
    /// - Parameter now: nanoseconds since 1970, by which the expiry of faults is judged; `nil` for an entry that was judged
    ///   when it was written.
    init(_ value: Value, now: Int64?) throws(ConfigEntryFault) {
        guard let object = value.object else {
            throw .decoding("json: cannot unmarshal \(value.kind) into Go value of type map[string]interface {}")
        }
        var spelled: [String: (key: String, value: Value)] = [:]
        for member in object.members {
            spelled[member.key.lowercased().filter { $0 != "_" }] = (member.key, member.value)
        }
        guard let kindText = spelled["kind"]?.value.string, !kindText.isEmpty else {
            throw .decoding("Payload does not contain a kind/Kind key at the top level")
        }
        guard let kind = ConfigEntryKind(rawValue: kindText) else {
            throw .decoding("invalid config entry kind: \(kindText)")
        }
        if let chained = kind.chained {
            self = .entry(kind, try Self.chainEntry(chained, value, now))
            return
        }
        guard kind == .serviceIntentions else {
            throw ConfigEntryFault(
                status: 500,
                text:
                    "config entries of kind \"\(kindText)\" are not served here: this agent decides by connection, not by request"
            )
        }
        let known = ["kind", "name", "namespace", "createindex", "modifyindex", "sources", "meta"]
        let unknown = spelled.filter { !known.contains($0.key) }
        if !unknown.isEmpty {
            throw .decoding(multiError(unknown.values.map(\.key).sorted().map { "invalid config key \"\($0)\"" }))
        }
        let name = spelled["name"]?.value.string ?? ""
        self = .intentions(destination: name, try Self.drafts(spelled["sources"]?.value, name))
    }

    private static func chainEntry(
        _ kind: ChainEntry.Kind, _ value: Value, _ now: Int64?
    ) throws(ConfigEntryFault) -> ChainEntry {
        let entry: ChainEntry
        do throws(EntryFault) {
            entry = try ChainEntry(kind, value, now: now)
        } catch {
            switch error {
            case .unreadable(let text): throw .decoding(text)
            case .invalid(let text): throw ConfigEntryFault(status: 500, text: text)
            }
        }
        guard case .resolver(let resolver) = entry else { return entry }
        for (name, subset) in resolver.subsets.sorted(by: { $0.key < $1.key }) where !subset.filter.isEmpty {
            do throws(FilterError) {
                _ = try Filter(subset.filter, for: .healthService)
            } catch {
                throw ConfigEntryFault(
                    status: 500, text: "Filter for subset \"\(name)\" is not a valid expression: \(error.text)")
            }
        }
        return entry
    }

    private static func drafts(_ value: Value?, _ destination: String) throws(ConfigEntryFault) -> [IntentionDraft] {
        var drafts: [IntentionDraft] = []
        for source in value?.array ?? [] {
            var spelled: [String: Value] = [:]
            for member in source.object?.members ?? [] {
                spelled[member.key.lowercased().filter { $0 != "_" }] = member.value
            }
            drafts.append(
                IntentionDraft(
                    description: spelled["description"]?.string ?? "", sourceName: spelled["name"]?.string ?? "",
                    destinationName: destination, sourceType: spelled["type"]?.string ?? "",
                    action: spelled["action"]?.string ?? "", permissionCount: spelled["permissions"]?.array?.count ?? 0)
            )
        }
        guard !drafts.isEmpty else { throw ConfigEntryFault(status: 500, text: "At least one source is required") }
        return drafts
    }
}
