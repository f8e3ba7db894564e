import HTTP
import JSON
import Mesh

/// `/v1/discovery-chain/:service`: what a service's name stands for.
enum DiscoveryChains {
    static let routes = [Route(["GET", "POST"], "/v1/discovery-chain/", chain)]

    /// A chain can always be worked out: entries under which it could not be are never taken. Besides the tokens that may
    /// read the service, a sidecar's sees the chains of its upstreams.
    @Sendable static func chain(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Bad request: Missing chain name") }
        guard try core.permit(call).allows(.connectInstances(service: call.rest)) else { throw .permissionDenied }
        let datacenter = call.target["compile-dc"] ?? ""
        var options = ChainGraph.Options(datacenter: datacenter.isEmpty ? core.configuration.datacenter : datacenter)
        if call.request.method == "POST" { try readOverrides(call, into: &options) }
        return try core.blocking(
            call, on: [.chain(call.rest), .chains], index: core.chainIndex(of: call.rest)
        ) { () throws(Refusal) in ["Chain": try core.chain(of: call.rest, options).json] }
    }

    private static func readOverrides(_ call: Call, into options: inout ChainGraph.Options) throws(Refusal) {
        let preface = "Bad request: Request decoding failed: "
        let body = try call.body(preface)
        do throws(EntryFault) {
            var reader = EntryReader()
            let block = try reader.block(
                body, "", ["OverrideMeshGateway", "OverrideProtocol", "OverrideConnectTimeout"])
            // There are no mesh gateways here, so which one to use makes no difference.
            _ = try block.map("OverrideMeshGateway")
            options.protocolName = try block.text("OverrideProtocol").lowercased()
            options.connectTimeout = try block.duration("OverrideConnectTimeout")
            try reader.requireKnownKeys()
        } catch {
            throw Refusal(400, preface + error.text)
        }
    }
}
