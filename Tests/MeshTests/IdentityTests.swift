import Testing

@testable import Mesh

private let domain = "531fcb0f-c7aa-8ffb-3539-b58ef692f348.consul"

@Suite struct IdentityTests {
    @Test func threeFormsParseAndPrintBack() throws {
        let texts = [
            "spiffe://\(domain)/ns/default/dc/dc1/svc/service1",
            "spiffe://\(domain)/agent/client/dc/dc1/id/node1",
            "spiffe://\(domain)",
        ]
        for text in texts { #expect(try ConsulIdentity(parsing: text).description == text) }
        #expect(
            try ConsulIdentity(parsing: texts[0])
                == .service(ServiceIdentity(trustDomain: domain, datacenter: "dc1", service: "service1")))
        #expect(
            try ConsulIdentity(parsing: texts[1])
                == .agent(AgentIdentity(trustDomain: domain, datacenter: "dc1", node: "node1")))
        guard case .signing(let signing) = try ConsulIdentity(parsing: texts[2]) else {
            Issue.record("not the signing form")
            return
        }
        #expect(signing.clusterID == "531fcb0f-c7aa-8ffb-3539-b58ef692f348")
        #expect(signing.domain == "consul")
    }

    /// The texts are those that recorded agents gave for these very inputs, and those of Go's URL parser.
    @Test(arguments: [
        ("", "SPIFFE ID must have 'spiffe' scheme"),
        ("http://example.com/x", "SPIFFE ID must have 'spiffe' scheme"),
        ("/ns/default/dc/dc1/svc/a", "SPIFFE ID must have 'spiffe' scheme"),
        ("spiffe://td.consul/foo", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/", "SPIFFE ID is not in the expected format"),
        ("spiffe:td.consul", "SPIFFE ID is not in the expected format"),
        ("spiffe:///ns/default/dc/dc1/svc/a", "SPIFFE ID is not in the expected format"),
        ("spiffe://nodots", "SPIFFE ID is not in the expected format"),
        ("spiffe://.consul", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns//dc/dc1/svc/a", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns/default/dc/dc1/svc/a/", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns/default/dc/dc1/svc/a/b", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/NS/default/dc/dc1/svc/a", "SPIFFE ID is not in the expected format"),
        ("spiffe://u@td.consul/ns/default/dc/dc1/svc/a", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul:1/ns/default/dc/dc1/svc/a", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns/default/dc/dc1/svc/a?x", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns/default/dc/dc1/svc/a#x", "SPIFFE ID is not in the expected format"),
        ("spiffe://td.consul/ns/default/dc/dc1/svc/%ff", "SPIFFE ID has a path segment that is not UTF-8"),
        ("://%zz", "parse \"://%zz\": missing protocol scheme"),
        ("1a:b", "parse \"1a:b\": first path segment in URL cannot contain colon"),
        ("spiffe://td.consul/%zz", "parse \"spiffe://td.consul/%zz\": invalid URL escape \"%zz\""),
        ("spiffe://td.consul/a%2", "parse \"spiffe://td.consul/a%2\": invalid URL escape \"%2\""),
        ("spiffe://td.consul/\u{1}", "parse \"spiffe://td.consul/\\x01\": net/url: invalid control character in URL"),
    ])
    func refusalsUseConsulsWords(text: String, words: String) {
        #expect { try ConsulIdentity(parsing: text) } throws: { "\($0)" == words }
    }

    @Test func segmentsAreDecodedAndEncoded() throws {
        let text = "spiffe://td.consul/ns/default/dc/dc1/svc/a%20b%2Fc%25%C3%A9"
        guard case .service(let identity) = try ConsulIdentity(parsing: text) else {
            Issue.record("not a service")
            return
        }
        #expect(identity.service == "a b/c%é")
        #expect(identity.description == text)
        #expect(
            try ConsulIdentity(parsing: "SPIFFE://td.consul/ns/default/dc/dc1/svc/%61").description.hasSuffix("/svc/a"))
    }

    @Test func onlyTheTrustDomainIgnoresCase() throws {
        let small = ServiceIdentity(trustDomain: "td.consul", datacenter: "dc1", service: "web")
        let capital = ServiceIdentity(trustDomain: "TD.Consul", datacenter: "dc1", service: "web")
        #expect(small == capital)
        #expect(Set([small, capital]).count == 1)
        #expect(small != ServiceIdentity(trustDomain: "td.consul", datacenter: "dc1", service: "Web"))
        #expect(SigningIdentity(clusterID: "TD").canSign(small))
        #expect(!SigningIdentity(clusterID: "other").canSign(small))
    }

    /// Composed and decomposed é are one text to Unicode and two names to a certificate.
    @Test func canonicallyEquivalentNamesStayTwo() {
        let composed = ServiceIdentity(trustDomain: "td", datacenter: "dc1", service: "caf\u{e9}")
        let decomposed = ServiceIdentity(trustDomain: "td", datacenter: "dc1", service: "cafe\u{301}")
        #expect(composed.service == decomposed.service)
        #expect(composed != decomposed)
    }

    @Test func genericFormTakesAnyPath() throws {
        let identity = try GenericIdentity(parsing: "spiffe://example.org/payments/api%20v2")
        #expect(identity.segments == ["payments", "api v2"])
        #expect(identity.description == "spiffe://example.org/payments/api%20v2")
        #expect(try GenericIdentity(parsing: "spiffe://example.org").segments == [])
        for bad in ["spiffe://example.org/a//b", "spiffe://example.org/../b", "spiffe://example.org/a/%2e"] {
            #expect(throws: SPIFFEError.format) { try GenericIdentity(parsing: bad) }
        }
    }

    /// Whatever names an identity has, its URI reads back as the same identity.
    @Test func everyNameSurvivesPrinting() throws {
        var random = SplitMix64(seed: 11)
        for round in 0..<2_000 {
            func name() -> String {
                let count = Int.random(in: 1...12, using: &random)
                return String(
                    String.UnicodeScalarView(
                        (0..<count).map { _ in
                            Unicode.Scalar(UInt32.random(in: 1...0x2ff, using: &random)) ?? "x"
                        }))
            }
            let identity = ServiceIdentity(
                trustDomain: "td.consul", namespace: name(), datacenter: name(), service: name())
            let text = identity.description
            #expect(try ConsulIdentity(parsing: text) == .service(identity), "round \(round) of seed 11: \(text)")
        }
    }
}

@Suite struct ValueTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_000_000_000, "1970-01-01T00:00:01Z"),
            (1_795_399_409_029_948_359, "2026-11-23T02:03:29.029948359Z"), (1_500_000_000, "1970-01-01T00:00:01.5Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
        ] as [(Int64, String)])
    func timestampsPrintAndParse(nanoseconds: Int64, text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
        #expect(Timestamp(rfc3339: text) == Timestamp(nanoseconds: nanoseconds))
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T00:00:00+01:00",
        "2026-11-23T00:00:00.Z", "2026-11-23T00:00:00.1234567890Z", "2026-1x-23T00:00:00Z", "9999-11-23T00:00:00Z",
    ])
    func otherTimesAreRefused(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func identifiersHaveTheirForm() {
        let text = UUIDText.make(high: 0x9dbe_e2b5_871f_9a70, low: 0xcab3_791a_78a0_8df5)
        #expect(text == "9dbee2b5-871f-9a70-cab3-791a78a08df5")
        #expect(UUIDText.fault(in: text) == nil)
        #expect(UUIDText.fault(in: "nope") == "UUID must be 36 characters")
        #expect(UUIDText.fault(in: "z" + text.dropFirst()) != nil)
    }
}
