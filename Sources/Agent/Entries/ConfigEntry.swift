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

    /// Whether entries of this kind do anything here. The others decide by HTTP request or describe gateways; taking
    /// them would promise what does not happen.
    var isServed: Bool {
        switch self {
        case .serviceDefaults, .proxyDefaults, .serviceIntentions: true
        case .serviceRouter, .serviceSplitter, .serviceResolver, .ingressGateway, .terminatingGateway: false
        }
    }

    /// The keys an entry of this kind may have besides Kind and Name, by their API names.
    fileprivate var keys: [String] {
        switch self {
        case .serviceDefaults: ["Protocol", "MeshGateway", "Expose", "ExternalSNI", "Meta"]
        case .proxyDefaults: ["Config", "MeshGateway", "Expose", "Meta"]
        case .serviceIntentions: ["Sources", "Meta"]
        case .serviceRouter, .serviceSplitter, .serviceResolver, .ingressGateway, .terminatingGateway: []
        }
    }
}

/// A config entry that is kept as it is written: service-defaults or proxy-defaults. Intentions live in their own table.
struct ConfigEntry: Sendable, Hashable {
    var kind: ConfigEntryKind
    var name: String
    /// The entry's own keys, in the order Consul shows them.
    var content: Object
    var createIndex: UInt64 = 0
    var modifyIndex: UInt64 = 0

    /// The entry as the API shows it.
    var shape: Value {
        var object: Object = ["Kind": .string(kind.rawValue), "Name": .string(name)]
        for member in content.members { object.append(member.key, member.value) }
        object.append("CreateIndex", .number(createIndex))
        object.append("ModifyIndex", .number(modifyIndex))
        return .object(object)
    }
}

/// An entry as somebody asks for it.
enum ConfigEntryWish {
    case entry(ConfigEntry)
    case intentions(destination: String, [IntentionDraft])

    var kind: ConfigEntryKind {
        switch self {
        case .entry(let entry): entry.kind
        case .intentions: .serviceIntentions
        }
    }

    var name: String {
        switch self {
        case .entry(let entry): entry.name
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
    init(_ value: Value) throws(ConfigEntryFault) {
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
        guard kind.isServed else {
            throw ConfigEntryFault(
                status: 500,
                text:
                    "config entries of kind \"\(kindText)\" are not served here: this agent decides by connection, not by request"
            )
        }
        let known = Dictionary(uniqueKeysWithValues: kind.keys.map { ($0.lowercased(), $0) })
        let unknown = spelled.filter {
            known[$0.key] == nil && !["kind", "name", "namespace", "createindex", "modifyindex"].contains($0.key)
        }
        if !unknown.isEmpty {
            throw .decoding(multiError(unknown.values.map(\.key).sorted().map { "invalid config key \"\($0)\"" }))
        }
        var name = spelled["name"]?.value.string ?? ""
        let content = spelled.compactMapValues(\.value)
        switch kind {
        case .serviceIntentions: self = .intentions(destination: name, try Self.drafts(content["sources"], name))
        case .proxyDefaults:
            // There is one, whatever it is called.
            name = "global"
            var entry = Object()
            if let config = content["config"]?.object, !config.isEmpty {
                entry.append("Config", .object(config.sorted()))
            }
            try Self.addCommon(content, to: &entry)
            self = .entry(ConfigEntry(kind: kind, name: name, content: entry))
        default:
            guard !name.isEmpty else { throw ConfigEntryFault(status: 500, text: "serviceName is required") }
            var entry = Object()
            if let text = content["protocol"]?.string, !text.isEmpty {
                entry.append("Protocol", .string(text.lowercased()))
            }
            try Self.addCommon(content, to: &entry)
            if let text = content["externalsni"]?.string, !text.isEmpty { entry.append("ExternalSNI", .string(text)) }
            self = .entry(ConfigEntry(kind: kind, name: name, content: entry))
        }
    }

    private static func addCommon(_ content: [String: Value], to entry: inout Object) throws(ConfigEntryFault) {
        for key in ["MeshGateway", "Expose"] {
            let value = content[key.lowercased()] ?? [:]
            guard value.object != nil || value == .null else {
                throw .decoding("'\(key)' expected a map, got '\(value.kind)'")
            }
            entry.append(key, value == .null ? [:] : value)
        }
        if let meta = content["meta"], meta != .null { entry.append("Meta", meta) }
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
