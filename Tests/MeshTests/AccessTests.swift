import Testing

@testable import Mesh

private func control(
    _ policy: String = "deny", _ rules: String = "", dialect: AccessDialect = .exact
) throws -> AccessControl {
    try AccessControl(
        node: "node1", defaultPolicy: policy,
        tokens: [
            AccessToken(secret: "root-secret", kind: .management), AccessToken(secret: "agent-secret", kind: .agent),
            AccessToken(secret: "svc", kind: .rules([try AccessRules(parsing: rules, dialect: dialect)])),
        ])
}

/// Every request there is, about `name`.
private func everything(_ name: String) -> [AccessRequest] {
    [
        .serviceRead(name), .serviceWrite(name), .nodeRead(name), .nodeWrite(name), .agentRead(name), .agentWrite(name),
        .operatorRead, .operatorWrite, .intentionRead(name), .intentionWrite(name), .roots, .leaf(service: name),
        .proxyConfiguration(proxy: name, target: name), .proxyDefinition(proxy: name, service: name),
        .proxyReport(proxy: name, service: name), .authorize(target: name), .intentionMatch(destination: name),
        .connectInstances(service: name),
    ]
}

@Suite struct AccessDecisionTests {
    @Test func withAccessControlOffEverythingIsAllowed() throws {
        for secret in [nil, "", "anything"] as [String?] {
            let access = try AccessControl.off.access(for: secret)
            #expect(everything("web").allSatisfy(access.allows))
        }
        #expect(AccessControl.off.intentionDefault == .accessControlOff)
    }

    @Test func unknownTokensAreNobody() throws {
        for policy in ["allow", "deny"] {
            #expect(throws: AccessError.notFound) { try control(policy).access(for: "nope") }
        }
        #expect(AccessError.notFound.description == "ACL not found")
        #expect(AccessError.notFound.status == 403)
    }

    @Test func theDefaultPolicyDecidesForTheAnonymous() throws {
        let denied = try control("deny").access(for: nil)
        for request in everything("web") { #expect(denied.allows(request) == (request == .roots)) }
        let allowed = try control("allow").access(for: nil)
        #expect(everything("web").allSatisfy(allowed.allows))
        #expect(try control("deny").intentionDefault == .policy(allows: false))
        #expect(try control("allow").intentionDefault == .policy(allows: true))
    }

    /// The recorded session: the token's rules, and what the agent said to it.
    @Test func theRecordedServiceToken() throws {
        let access = try control(
            "deny",
            "service \"web\" { policy = \"write\" intentions = \"read\" } service \"service2\" { policy = \"read\" } "
                + "node \"\" { policy = \"read\" }",
            dialect: .legacyPrefix
        ).access(for: "svc")
        #expect(access.allows(.leaf(service: "web")))
        #expect(!access.allows(.leaf(service: "service2")))
        #expect(access.allows(.authorize(target: "web")))
        #expect(!access.allows(.authorize(target: "service2")))
        #expect(access.allows(.intentionMatch(destination: "web")))
        #expect(!access.allows(.intentionWrite("web")))
        #expect(access.allows(.connectInstances(service: "service2")))
        #expect(access.allows(.connectInstances(service: "service2-proxy")))
        #expect(access.allows(.nodeRead("node1")))
        #expect(!access.allows(.agentRead("node1")))
    }

    @Test func managementMayEverythingAndTheAgentTokenItsAgent() throws {
        let control = try control("deny")
        let root = try control.access(for: "root-secret")
        #expect(everything("x").allSatisfy(root.allows))
        let agent = try control.access(for: "agent-secret")
        let mine: Set<AccessRequest> = [.agentRead("node1"), .agentWrite("node1"), .nodeRead("node1"), .roots]
        for request in everything("node1") { #expect(agent.allows(request) == mine.contains(request)) }
        #expect(!agent.allows(.agentWrite("node2")))
    }

    /// A sidecar's token gives its few rights and nothing else, also where everything else is allowed by default.
    @Test(arguments: ["allow", "deny"])
    func aSidecarMayOnlyWhatItNeeds(policy: String) throws {
        var control = try control(policy)
        control.grant(SidecarGrant(proxy: "web-proxy", target: "web", upstreams: ["db", "cache"]), to: "side")
        let access = try control.access(for: "side")
        let own: Set<AccessRequest> = [
            .roots, .leaf(service: "web"), .authorize(target: "web"), .intentionMatch(destination: "web"),
            .proxyConfiguration(proxy: "web-proxy", target: "web"),
            .proxyDefinition(proxy: "web-proxy", service: "web-proxy"),
            .proxyReport(proxy: "web-proxy", service: "web-proxy"), .connectInstances(service: "db"),
            .connectInstances(service: "cache"),
        ]
        for request in own { #expect(access.allows(request), "\(request)") }
        for name in ["web", "web-proxy", "db", "cache", "other", "*", ""] {
            for request in everything(name) where !own.contains(request) {
                if case .proxyConfiguration("web-proxy", _) = request { continue }
                #expect(!access.allows(request), "\(request)")
            }
        }
        control.grant(SidecarGrant(proxy: "web-proxy", target: "web", upstreams: []), to: "side")
        #expect(try !control.access(for: "side").allows(.connectInstances(service: "db")))
        control.revoke("side")
        #expect(throws: AccessError.notFound) { try control.access(for: "side") }
    }

    @Test func refusalsNameTheMissingRight() throws {
        let access = try control("deny").access(for: nil)
        #expect { try access.require(.serviceWrite("w")) } throws: {
            ($0 as? AccessError)?.description == "Permission denied"
                && ($0 as? AccessError)?.detail == "Permission denied: Missing service:write on w"
                && ($0 as? AccessError)?.status == 403
        }
    }

    @Test func aStandInSpeaksForRequestsWithoutToken() throws {
        let control = try AccessControl(
            node: "n", defaultPolicy: "deny", standIn: "root-secret",
            tokens: [AccessToken(secret: "root-secret", kind: .management)])
        #expect(try control.access(for: nil).allows(.operatorWrite))
        #expect(throws: AccessError.notFound) { try control.access(for: "other") }
        // A stand-in that does not exist is a fault of the configuration and lets nobody in.
        let broken = try AccessControl(node: "n", defaultPolicy: "allow", standIn: "gone", tokens: [])
        #expect(throws: AccessError.notFound) { try broken.access(for: nil) }
    }

    @Test func badConfigurationsAreRefused() {
        func refusal(_ policy: String, _ down: String, _ secrets: [String]) -> String {
            do throws(AccessConfigurationError) {
                _ = try AccessControl(
                    node: "n", defaultPolicy: policy, downPolicy: down,
                    tokens: secrets.map { AccessToken(secret: $0, kind: .management) })
                return ""
            } catch {
                return error.description
            }
        }
        #expect(refusal("allow", "extend-cache", ["a", "b"]) == "")
        #expect(refusal("maybe", "deny", []).hasPrefix("default policy \"maybe\""))
        #expect(refusal("deny", "maybe", []).hasPrefix("down policy \"maybe\""))
        #expect(refusal("deny", "deny", ["a", ""]).hasPrefix("token 1: the secret"))
        #expect(refusal("deny", "deny", ["a", "b c"]).hasPrefix("token 1: the secret"))
        #expect(refusal("deny", "deny", ["a", "b", "a"]) == "token 2 has the same secret as token 0")
    }
}

@Suite struct AccessRuleTests {
    @Test func exactBeatsPrefixAndLongerBeatsShorter() throws {
        let access = try control(
            "allow",
            """
            # everything readable, but not the vault
            service_prefix "" { policy = "read" }
            service_prefix "web" { policy = "write" }   // web, web2, …
            service "web-admin" { policy = "deny" }
            /* a
               block */
            service_prefix "web-ad" { policy = "read" intentions = "write" }
            operator = "read"
            """
        ).access(for: "svc")
        #expect(access.allows(.serviceRead("db")) && !access.allows(.serviceWrite("db")))
        #expect(access.allows(.serviceWrite("web")) && access.allows(.serviceWrite("web2")))
        #expect(!access.allows(.serviceRead("web-admin")) && !access.allows(.intentionRead("web-admin")))
        #expect(access.allows(.serviceRead("web-admin2")) && !access.allows(.serviceWrite("web-admin2")))
        #expect(access.allows(.intentionWrite("web-admin2")) && !access.allows(.intentionWrite("web")))
        #expect(access.allows(.intentionRead("web")))
        #expect(access.allows(.operatorRead) && !access.allows(.operatorWrite))
        // Nothing is said about nodes, so the default policy decides.
        #expect(access.allows(.nodeWrite("n")))
    }

    @Test func oneDialectMeansTheNameTheOtherWhatBeginsSo() throws {
        let rules = "service \"web\" { policy = \"write\" }"
        let exact = try control("deny", rules).access(for: "svc")
        #expect(exact.allows(.serviceWrite("web")) && !exact.allows(.serviceWrite("web2")))
        let legacy = try control("deny", rules, dialect: .legacyPrefix).access(for: "svc")
        #expect(legacy.allows(.serviceWrite("web")) && legacy.allows(.serviceWrite("web2")))
    }

    @Test func hclAndJSONSayTheSame() throws {
        let texts = [
            "service \"web\" { policy = \"write\" intentions = \"write\" }\nservice \"db\" { policy = \"read\" }\noperator = \"write\"",
            "{\"service\": {\"web\": {\"policy\": \"write\", \"intentions\": \"write\"}, \"db\": {\"policy\": \"read\"}}, \"operator\": \"write\"}",
            "{\"service\": [{\"web\": [{\"policy\": \"write\", \"intentions\": \"write\"}]}, {\"db\": [{\"policy\": \"read\"}]}], \"operator\": \"write\"}",
            "service = { \"\\u0077eb\" = { policy = \"write\", intentions = \"write\" }, db = { policy = \"read\" } }, operator: write",
        ]
        for text in texts {
            let access = try control("deny", text).access(for: "svc")
            #expect(access.allows(.serviceWrite("web")) && access.allows(.intentionWrite("web")), "\(text)")
            #expect(access.allows(.serviceRead("db")) && !access.allows(.serviceWrite("db")), "\(text)")
            #expect(access.allows(.operatorWrite), "\(text)")
        }
    }

    @Test func wildcardIntentionsTakeRightsOnAll() throws {
        func access(_ rules: String, _ policy: String = "deny") throws -> Access {
            try control(policy, rules).access(for: "svc")
        }
        let one = try access("service \"web\" { policy = \"write\" intentions = \"write\" }")
        #expect(one.allows(.intentionRead("*")) && !one.allows(.intentionWrite("*")))
        let all = try access("service_prefix \"\" { policy = \"read\" intentions = \"write\" }")
        #expect(all.allows(.intentionWrite("*")))
        let but = try access(
            "service_prefix \"\" { policy = \"read\" intentions = \"write\" } service \"vault\" { policy = \"deny\" }",
            "allow")
        #expect(!but.allows(.intentionWrite("*")) && but.allows(.intentionRead("*")))
    }

    @Test func policiesOfOneTokenJoinAndDenialsWin() throws {
        let control = try AccessControl(
            node: "n", defaultPolicy: "deny",
            tokens: [
                AccessToken(
                    secret: "t",
                    kind: .rules([
                        AccessRules(
                            parsing: "service \"a\" { policy = \"read\" } service \"b\" { policy = \"write\" }"),
                        AccessRules(
                            parsing: "service \"a\" { policy = \"write\" } service \"b\" { policy = \"deny\" }"),
                    ]))
            ])
        let access = try control.access(for: "t")
        #expect(access.allows(.serviceWrite("a")))
        #expect(!access.allows(.serviceRead("b")))
    }

    @Test(arguments: [
        (
            "service \"web\" { policy = \"writ\" }",
            "line 1: policy must be \"read\", \"write\" or \"deny\", not \"writ\""
        ),
        ("service \"web\" { policy = \"list\" }", "line 1: only keys know the policy \"list\""),
        ("service \"web\" { polcy = \"read\" }", "line 1: service \"web\" has no \"polcy\""),
        ("\nservice \"web\" { }", "line 2: service \"web\" has no policy"),
        ("node \"a\" { policy = \"read\" intentions = \"read\" }", "line 1: node \"a\" has no \"intentions\""),
        ("\n\nservices \"web\" { policy = \"read\" }", "line 3: unknown rule \"services\""),
        ("service \"web\" { policy = \"read\" policy = \"write\" }", "line 1: \"policy\" is given twice"),
        (
            "service \"web\" { policy = \"read\" }\nservice \"web\" { policy = \"write\" }",
            "line 2: \"policy\" is given twice"
        ),
        ("service \"web\" { policy = \"read\"", "line 1: a closing brace is missing"),
        ("service \"web { policy", "line 1: a text has no closing quote"),
        ("{\"operator\": \"read\"} x", "line 1: something stands behind the closing brace"),
        ("operator = { }", "line 1: operator must be"),
        ("operator = [\"read\"", "line 1: a value is expected here"),
        ("/* never closed", "line 1: the comment"),
        ("operator = \"\\ud800\"", "line 1: half a surrogate pair"),
        ("service = \"read\"", "line 1: service takes a name"),
        ("a { b { c { d { e { f { g { h { i { } } } } } } } } }", "line 1: nested too deeply"),
        ("operator = \"read\" ;", "line 1: unexpected character \";\""),
    ])
    func whatIsNotUnderstoodIsRefused(text: String, words: String) {
        #expect { try AccessRules(parsing: text) } throws: { "\($0)".hasPrefix(words) }
    }
}
