import Mesh

/// `/v1/acl/…`: tokens stand in the configuration here, so there is nothing to manage; while ACLs are off the answer is
/// the one every version gives.
enum LegacyACL {
    static let routes = ["/v1/acl/list", "/v1/acl/tokens", "/v1/acl/policies", "/v1/acl/info/"].map { path in
        Route(["GET"], path) { (core, _) throws(Refusal) in
            guard core.configuration.access.isEnabled else { throw Refusal(401, "ACL support disabled") }
            throw Refusal(404, "ACL tokens are managed in the configuration of this agent (acl.static_tokens)")
        }
    }
}
