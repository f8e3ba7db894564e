import HTTP
import JSON
import Mesh

/// `/v1/agent/connect/authorize`: whether a client's identity may connect to a service.
enum ConnectAuthorize {
    static let routes = [Route(["POST"], "/v1/agent/connect/authorize", authorize)]

    @Sendable static func authorize(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let value = try call.body("Bad request: Request decode failed: ")
        guard case .object = value else {
            throw Refusal(
                400,
                "Bad request: Request decode failed: json: cannot unmarshal \(value.kind) into Go value of type "
                    + "structs.ConnectAuthorizeRequest")
        }
        let body = Reader(value)
        let target: String
        let uri: String
        do throws(TypeError) {
            target = try body.member("Target")?.string() ?? ""
            uri = try body.member("ClientCertURI")?.string() ?? ""
        } catch {
            throw Refusal(400, "Bad request: Request decode failed: \(goSentence(error))")
        }
        let client: ServiceIdentity
        do throws(AuthorizeError) {
            client = try IntentionTable.authorizeClient(target: target, clientURI: uri)
        } catch {
            throw Refusal(400, error.description)
        }
        guard try core.permit(call).allows(.authorize(target: target)) else { throw .permissionDenied }
        let result = core.intentions.authorize(
            client, target: target, trustDomain: core.authority?.trustDomain ?? "",
            fallback: core.access.intentionDefault)
        return .answer(
            .json(
                ["Authorized": .bool(result.isAuthorized), "Reason": .string(result.reason)],
                headers: [HeaderField("Age", "0"), HeaderField("X-Cache", "HIT")]))
    }
}
