import Testing

@testable import Mesh

private let now = Timestamp(nanoseconds: 1_795_399_409_029_948_359)

private func id(_ number: UInt64) -> String { UUIDText.make(high: 0, low: number) }

private func draft(_ source: String, _ destination: String, _ action: String = "allow") -> IntentionDraft {
    IntentionDraft(sourceName: source, destinationName: destination, action: action)
}

/// The rules of the recorded session: an exact allow under wildcard denies.
private func recordedTable() throws -> IntentionTable {
    var table = IntentionTable()
    let rules = [
        ("service1", "service2", "allow"), ("*", "service2", "deny"), ("service1", "*", "deny"), ("*", "*", "deny"),
    ]
    for (place, rule) in rules.enumerated() {
        _ = try table.create(
            draft(rule.0, rule.1, rule.2), id: id(UInt64(place + 1)), index: UInt64(100 + place), now: now)
    }
    return table
}

@Suite struct IntentionWritingTests {
    /// Inputs and texts as recorded from an agent.
    @Test(arguments: [
        (draft("a", "b", "maybe"), "1 error occurred:\n\t* Action must be set to 'allow' or 'deny'\n\n"),
        (draft("a", "b", ""), "1 error occurred:\n\t* Action must be set to 'allow' or 'deny'\n\n"),
        (
            draft("", "", "allow"),
            "2 errors occurred:\n\t* SourceName must be set\n\t* DestinationName must be set\n\n"
        ),
        (draft("", "b"), "1 error occurred:\n\t* SourceName must be set\n\n"),
        (
            draft("a*", "b"),
            "1 error occurred:\n\t* SourceName: wildcard character '*' cannot be used with partial values\n\n"
        ),
        (
            IntentionDraft(
                description: String(repeating: "d", count: 513), sourceName: "a", destinationName: "b", action: "allow"),
            "1 error occurred:\n\t* Description exceeds maximum length 512\n\n"
        ),
        (
            IntentionDraft(sourceName: "a", destinationName: "b", sourceType: "bogus", action: "allow"),
            "1 error occurred:\n\t* SourceType must be set to 'consul'\n\n"
        ),
        (
            IntentionDraft(sourceNamespace: "*", sourceName: "a", destinationName: "b", action: "allow"),
            "Bad request: Invalid SourceNS(*): Namespaces is a Consul Enterprise feature"
        ),
        (
            IntentionDraft(id: id(1), sourceName: "a", destinationName: "b", action: "allow"),
            "ID must be empty when creating a new intention"
        ),
        (
            IntentionDraft(sourceName: "a", destinationName: "b", action: "allow", permissionCount: 1),
            "service \"b\" has protocol \"tcp\", which is incompatible with L7 intentions permissions"
        ),
    ])
    func badDraftsAreRefusedInConsulsWords(bad: IntentionDraft, words: String) {
        var table = IntentionTable()
        #expect { try table.create(bad, id: id(9), index: 5, now: now) } throws: { "\($0)" == words }
        #expect(table.count == 0)
        #expect(table.index == 0)
    }

    @Test func metaHasItsLimits() {
        func faults(_ meta: [String: String]) -> String {
            var table = IntentionTable()
            var candidate = draft("a", "b")
            candidate.meta = meta
            do throws(IntentionError) {
                _ = try table.create(candidate, id: id(1), index: 1, now: now)
                return ""
            } catch {
                return error.description
            }
        }
        let full = Dictionary(uniqueKeysWithValues: (0..<64).map { ("k\($0)", "v") })
        #expect(faults(full) == "")
        #expect(
            faults(full.merging(["one": "more"]) { $1 })
                == "1 error occurred:\n\t* Meta exceeds maximum element count 64\n\n")
        let long = String(repeating: "k", count: 129)
        #expect(faults([long: ""]) == "1 error occurred:\n\t* Meta key \"\(long)\" exceeds maximum length 128\n\n")
        #expect(
            faults(["k": String(repeating: "v", count: 513)])
                == "1 error occurred:\n\t* Meta value for key \"k\" exceeds maximum length 512\n\n")
    }

    @Test func aSecondRuleForTheSameNamesIsRefused() throws {
        var table = IntentionTable()
        _ = try table.create(draft("service1", "service2"), id: id(1), index: 1, now: now)
        #expect { try table.create(draft("service1", "service2", "deny"), id: id(2), index: 2, now: now) } throws: {
            "\($0)" == "Sources[1] defines \"service1\" more than once"
        }
        _ = try table.create(draft("*", "service2"), id: id(2), index: 2, now: now)
        #expect { try table.create(draft("*", "service2"), id: id(3), index: 3, now: now) } throws: {
            "\($0)" == "Sources[2] defines \"*\" more than once"
        }
        #expect(table.count == 2)
    }

    @Test func updateReplacesEverythingButTheBirth() throws {
        var table = IntentionTable()
        var first = draft("a", "b")
        first.description = "walkthrough"
        first.meta = ["owner": "ops"]
        _ = try table.create(first, id: id(1), index: 7, now: now)
        let later = Timestamp(nanoseconds: now.nanoseconds + 5)
        let after = try table.update(draft("a", "c", "deny"), id: id(1), index: 9, now: later)
        #expect(after.description.isEmpty && after.meta.isEmpty && after.action == .deny)
        #expect(after.createIndex == 7 && after.modifyIndex == 9 && after.createdAt == now && after.updatedAt == later)
        #expect(table.get(source: "a", destination: "b") == nil)
        #expect(try table.get(id: id(1)) == after)
        #expect(table.match(.destination, IntentionName("b")).isEmpty)
    }

    @Test func unknownAndMalformedIDs() throws {
        var table = try recordedTable()
        let unknown = "00000000-0000-0000-0000-0000000000ff"
        #expect { try table.update(draft("a", "b"), id: unknown, index: 200, now: now) } throws: {
            "\($0)" == "Cannot modify non-existent intention: '\(unknown)'"
        }
        #expect { try table.delete(id: unknown, index: 200) } throws: {
            "\($0)" == "Cannot delete non-existent intention: '\(unknown)'"
        }
        #expect { try table.delete(id: "nope", index: 200) } throws: {
            "\($0)"
                == "Intention lookup failed: failed config entry lookup: index error: UUID must be 36 characters"
        }
        #expect { try table.get(id: "not-a-uuid") } throws: {
            "\($0)" == "Bad request: failed config entry lookup: index error: UUID must be 36 characters"
                && ($0 as? IntentionError)?.status == 400
        }
        #expect(try table.get(id: unknown) == nil)
        #expect(table.index == 103)
    }

    @Test func writingByNames() throws {
        var table = IntentionTable()
        let made = try table.upsert(draft("aa", "bb"), index: 1, now: now)
        #expect(made.id.isEmpty && made.label == "aa => bb")
        #expect(try table.upsert(draft("aa", "bb", "deny"), index: 2, now: now).createIndex == 1)
        #expect(table.count == 1)
        #expect { try table.upsert(draft("aa", "bb", ""), index: 3, now: now) } throws: {
            "\($0)" == "Sources[0].Action must be set to 'allow' or 'deny'"
        }
        #expect { try table.upsert(draft("cc", "bb", ""), index: 3, now: now) } throws: {
            "\($0)" == "Sources[1].Action must be set to 'allow' or 'deny'"
        }
        #expect(table.delete(source: "aa", destination: "bb", index: 4)?.action == .deny)
        #expect(table.delete(source: "aa", destination: "bb", index: 5) == nil)
        #expect(table.index == 4)

        let old = try table.create(draft("x", "y"), id: id(5), index: 6, now: now)
        #expect(try table.upsert(draft("x", "y", "deny"), index: 7, now: now).id == old.id)
    }

    @Test func whatWasStoredComesBackCheckedAndWhole() throws {
        let table = try recordedTable()
        var again = IntentionTable()
        for rule in table.list() { try again.restore(rule) }
        #expect(again.list() == table.list())
        #expect(again.index == table.index)
        let rule = try #require(table.list().first)
        #expect(throws: IntentionError.self) { try again.restore(rule) }
        var other = rule
        other.sourceName = "elsewhere"
        #expect(throws: IntentionError.invalid(["ID \(rule.id) belongs to two intentions"])) {
            try again.restore(other)
        }
    }
}

@Suite struct IntentionReadingTests {
    @Test func listsAndMatchesAreSorted() throws {
        let table = try recordedTable()
        #expect(table.list().map(\.precedence) == [9, 8, 6, 5])
        #expect(table.match(.destination, IntentionName("service2")).map(\.precedence) == [9, 8, 6, 5])
        #expect(table.match(.source, IntentionName("service1")).map(\.precedence) == [9, 8, 6, 5])
        #expect(table.match(.source, IntentionName("zzz")).map(\.precedence) == [8, 5])
        #expect(table.match(.destination, IntentionName("zzz")).map(\.precedence) == [6, 5])
        #expect(table.match(.destination, try IntentionName(parsing: "default/service2")).count == 4)
        #expect(table.match(.destination, try IntentionName(parsing: "other/service2")).isEmpty)
        #expect { try IntentionName(parsing: "a/b/c") } throws: {
            "\($0)" == "name \"a/b/c\" is invalid: input can contain at most one '/'"
        }
    }

    @Test func aWatcherIsWokenByItsOwnNamesAlone() throws {
        var table = IntentionTable()
        let web = IntentionName("web")
        _ = try table.create(draft("a", "web"), id: id(1), index: 10, now: now)
        _ = try table.create(draft("a", "other"), id: id(2), index: 11, now: now)
        #expect(table.matchIndex(.destination, web) == 10)
        #expect(table.matchIndex(.source, IntentionName("a")) == 11)
        _ = try table.create(draft("*", "*"), id: id(3), index: 12, now: now)
        #expect(table.matchIndex(.destination, web) == 12)
        try table.delete(id: id(1), index: 13)
        #expect(table.matchIndex(.destination, web) == 13)
        #expect(table.index == 13)
    }

    @Test func forgottenNamesNeverHideAChange() throws {
        var table = IntentionTable()
        var index: UInt64 = 1
        for number in 0..<10_000 {
            let name = "d\(number)"
            _ = try table.create(draft("a", name), id: id(1), index: index, now: now)
            try table.delete(id: id(1), index: index + 1)
            #expect(table.matchIndex(.destination, IntentionName(name)) >= index + 1)
            index += 2
        }
        #expect(table.matchIndex(.destination, IntentionName("d0")) >= 2)
    }
}

@Suite struct DecisionTests {
    /// Queries and answers as recorded.
    @Test func checksAnswerAsRecorded() throws {
        var table = IntentionTable()
        func allowed(_ source: String, _ destination: String) throws -> Bool {
            try table.check(
                source: IntentionName(source), destination: IntentionName(destination), sourceType: "",
                fallback: .accessControlOff
            ).isAllowed
        }
        #expect(try allowed("service1", "service2"))
        table = try recordedTable()
        #expect(try allowed("service1", "service2"))
        #expect(try !allowed("other", "service2"))
        #expect(try !allowed("service1", "other"))
        #expect(try !allowed("x", "y"))
        #expect {
            try table.check(
                source: IntentionName("x"), destination: IntentionName("y"), sourceType: "bogus",
                fallback: .accessControlOff)
        } throws: {
            "\($0)" == "unsupported SourceType: \"bogus\""
        }
    }

    @Test func authorizeAnswersAsRecorded() throws {
        let domain = "144f7463-1ff7-7ef3-25ee-37f13d8fd526.consul"
        var table = IntentionTable()
        func answer(_ uri: String) throws -> Authorization {
            let client = try IntentionTable.authorizeClient(target: "service2", clientURI: uri)
            return table.authorize(client, target: "service2", trustDomain: domain, fallback: .accessControlOff)
        }
        let client = "spiffe://\(domain)/ns/default/dc/dc1/svc/service1"
        #expect(
            try answer(client)
                == Authorization(
                    isAuthorized: true, reason: "ACLs disabled, access is allowed by default", rule: nil))
        let rule = "f6271a2f-81f9-247b-1a7b-352c7373aeeb"
        _ = try table.create(draft("service1", "service2", "deny"), id: rule, index: 2, now: now)
        let denied =
            "Matched L4 intention: default/service1 => default/service2 (ID: \(rule), Precedence: 9, Action: DENY)"
        for same in [
            client, "spiffe://\(domain)/ns/default/dc/dc9/svc/service1",
            "spiffe://\(domain.uppercased())/ns/default/dc/dc1/svc/service1",
        ] {
            #expect(try answer(same) == Authorization(isAuthorized: false, reason: denied, rule: rule))
        }
        for other in ["ns/other/dc/dc1/svc/service1", "ns/default/dc/dc1/svc/web"] {
            #expect(try answer("spiffe://\(domain)/\(other)").isAuthorized)
        }
        let foreign = "11111111-2222-3333-4444-555555555555.consul"
        #expect(
            try answer("spiffe://\(foreign)/ns/default/dc/dc1/svc/service1")
                == Authorization(
                    isAuthorized: false, reason: "Identity from an external trust domain: \(foreign)", rule: nil))
        #expect(table.list()[0].legacySummary.hasPrefix("DENY default/service1 => default/service2 (ID: \(rule)"))

        for (target, uri, words) in [
            ("", client, "Bad request: Target service must be specified"),
            ("service2", "spiffe://\(domain)/foo", "Bad request: ClientCertURI not a valid Connect identifier"),
            ("service2", "", "Bad request: ClientCertURI not a valid Connect identifier"),
            ("service2", "http://example.com/x", "Bad request: ClientCertURI not a valid Connect identifier"),
            ("service2", "://%zz", "Bad request: ClientCertURI not a valid Connect identifier"),
            ("service2", "spiffe://\(domain)", "Bad request: ClientCertURI not a valid Service identifier"),
        ] {
            #expect { try IntentionTable.authorizeClient(target: target, clientURI: uri) } throws: { "\($0)" == words }
        }
    }

    @Test func defaultPolicyDecidesWithAccessControlOn() throws {
        let table = IntentionTable()
        let client = ServiceIdentity(trustDomain: "td.consul", datacenter: "dc1", service: "a")
        let answer = table.authorize(
            client, target: "web", trustDomain: "td.consul", fallback: .policy(allows: false))
        #expect(!answer.isAuthorized)
        #expect(answer.reason == "Default behavior configured by ACLs")
    }

    /// Table and frozen set against a decision made by the definition: of the rules that match, the first in Consul's
    /// order.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func tableAndSetAgreeWithTheDefinition(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let names = ["*", "a", "b", "c", "service1", "caf\u{e9}", "cafe\u{301}"]
        var table = IntentionTable()
        for step in 0..<400 {
            let source = names.randomElement(using: &random)!
            let destination = names.randomElement(using: &random)!
            if Bool.random(using: &random) {
                _ = try table.upsert(
                    draft(source, destination, Bool.random(using: &random) ? "allow" : "deny"),
                    index: UInt64(step + 1), now: now)
            } else {
                table.delete(source: source, destination: destination, index: UInt64(step + 1))
            }
            let caller = names.dropFirst().randomElement(using: &random)!
            let called = names.dropFirst().randomElement(using: &random)!
            let expected = table.list().first {
                ($0.sourceName == "*" || $0.sourceName.hasSameBytes(as: caller))
                    && ($0.destinationName == "*" || $0.destinationName.hasSameBytes(as: called))
            }
            let fallback = IntentionDefault.policy(allows: Bool.random(using: &random))
            let verdict = table.decide(source: IntentionName(caller), destination: called, fallback: fallback)
            #expect(table.rule(of: verdict) == expected, "seed \(seed), step \(step)")
            #expect(verdict.isAllowed == expected.map { $0.action == .allow } ?? fallback.allows)

            let frozen = IntentionSet(
                destination: called, rules: table.match(.destination, IntentionName(called)).shuffled(using: &random),
                trustDomain: "TD.consul", fallback: fallback)
            let client = ServiceIdentity(trustDomain: "td.consul", datacenter: "dc1", service: caller)
            let frozenVerdict = try #require(frozen.decide(client))
            #expect(frozenVerdict.isAllowed == verdict.isAllowed, "seed \(seed), step \(step)")
            #expect(frozen.rule(of: frozenVerdict) == expected?.label)
            #expect(frozen.reason(for: frozenVerdict) == table.reason(for: verdict, fallback: fallback))
        }
    }

    @Test func aSetRefusesOtherTrustDomainsAndOtherNamespaces() throws {
        let set = IntentionSet(
            destination: "web", rules: [Intention(id: id(1), sourceName: "*", destinationName: "web", action: .allow)],
            trustDomain: "td.consul", fallback: .policy(allows: false))
        #expect(set.decide(ServiceIdentity(trustDomain: "evil.consul", datacenter: "dc1", service: "a")) == nil)
        let elsewhere = ServiceIdentity(trustDomain: "td.consul", namespace: "x", datacenter: "dc1", service: "a")
        #expect(set.decide(elsewhere)?.isAllowed == false)
        #expect(set.decide(ServiceIdentity(trustDomain: "TD.consul", datacenter: "d", service: "a"))?.isAllowed == true)
    }
}
