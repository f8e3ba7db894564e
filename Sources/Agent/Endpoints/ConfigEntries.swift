import HTTP
import JSON
import Mesh

/// `/v1/config…`: entries that count for all agents of a cluster.
enum ConfigEntries {
    static let routes = [
        Route(["PUT"], "/v1/config", write),
        Route(["GET", "DELETE"], "/v1/config/", readOrRemove),
    ]

    @Sendable static func write(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = try call.body("Bad request: Request decoding failed: ")
        let wish: ConfigEntryWish
        do throws(ConfigEntryFault) {
            wish = try ConfigEntryWish(body, now: call.now.wall)
        } catch {
            throw Refusal(error.status, error.text)
        }
        guard mayWrite(wish.kind, wish.name, try core.permit(call)) else { throw .permissionDenied }
        if let text = call.target["cas"] {
            guard let expected = UInt64(text) else { throw Refusal(400, "Bad request: Invalid cas value: \(text)") }
            if core.configEntryIndex(wish.kind, wish.name) != expected { return .answer(.json(false)) }
        }
        try core.write(wish, now: call.now)
        return .answer(.json(true))
    }

    @Sendable static func readOrRemove(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let parts = call.rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let permit = try core.permit(call)
        if call.request.method == "DELETE" {
            guard parts.count == 2, !parts[1].isEmpty else {
                throw Refusal(404, "Must provide both a kind and name to delete")
            }
            let kind = try kind(parts[0])
            guard mayWrite(kind, parts[1], permit) else { throw .permissionDenied }
            try core.removeEntry(kind, parts[1])
            return .answer(.json([:]))
        }
        if parts[0].isEmpty {
            return try core.blocking(
                call, on: [.configEntries, .intentions], index: core.configEntriesIndex, effective: false
            ) {
                () throws(Refusal) in []
            }
        }
        let kind = try kind(parts[0])
        let reply = try core.blocking(
            call, on: [.configEntries, .intentions], index: core.configEntriesIndex, effective: false
        ) { () throws(Refusal) in
            if parts.count == 2, !parts[1].isEmpty {
                guard mayRead(kind, parts[1], permit) else { throw .permissionDenied }
                return core.configEntry(kind, parts[1]) ?? .null
            }
            return .array(core.configEntries(kind).filter { mayRead(kind, $0.name, permit) }.map(\.shape))
        }
        guard case .answer(var answer) = reply, case .json(.null) = answer.content else { return reply }
        answer.status = 404
        answer.content = .text(
            "Config entry not found for \"\(kind.rawValue)\" / \"\(parts[1])\"", type: "text/plain; charset=utf-8")
        return .answer(answer)
    }

    private static func kind(_ text: String) throws(Refusal) -> ConfigEntryKind {
        guard let kind = ConfigEntryKind(rawValue: text) else {
            throw Refusal(500, "invalid config entry kind: \(text)")
        }
        return kind
    }

    private static func mayWrite(_ kind: ConfigEntryKind, _ name: String, _ permit: Access) -> Bool {
        switch kind {
        case .proxyDefaults: permit.allows(.operatorWrite)
        case .serviceIntentions: permit.allows(.intentionWrite(name))
        default: permit.allows(.serviceWrite(name))
        }
    }

    private static func mayRead(_ kind: ConfigEntryKind, _ name: String, _ permit: Access) -> Bool {
        switch kind {
        case .proxyDefaults: true
        case .serviceIntentions: permit.allows(.intentionRead(name))
        default: permit.allows(.serviceRead(name))
        }
    }
}
