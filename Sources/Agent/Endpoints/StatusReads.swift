import JSON
import Mesh

/// `/v1/status/…`: one process is its own leader and only peer.
enum StatusReads {
    static let routes = [
        Route(["GET"], "/v1/status/leader", leader),
        Route(["GET"], "/v1/status/peers", peers),
    ]

    static func leaderAddress(_ core: AgentCore) -> String {
        hostPort(core.advertiseAddress, core.configuration.ports.server)
    }

    @Sendable static func leader(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try core.checkDatacenter(call)
        return .answer(.json(.string(leaderAddress(core))))
    }

    @Sendable static func peers(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try core.checkDatacenter(call)
        return .answer(.json([.string(leaderAddress(core))]))
    }
}
