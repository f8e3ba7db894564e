import Testing

@testable import DNS

private func query(_ name: String, _ type: DNSType, edns: UInt16? = nil) -> DNSMessage {
    var query = DNSMessage()
    query.id = 4_711
    query.wantsRecursion = true
    query.questions = [DNSQuestion(name: DNSName(name)!, type: type)]
    query.edns = edns.map { DNSMessage.EDNS(size: $0) }
    return query
}

private func ask(
    _ query: DNSMessage, _ catalog: SmallCatalog = SmallCatalog(), _ transport: DNSResponder.Transport = .udp,
    settings: DNSSettings = DNSSettings(datacenter: "dc1"), serial: UInt32 = 1
) throws -> (message: DNSMessage, size: Int) {
    var random = SystemRandomNumberGenerator()
    let bytes = try #require(
        DNSResponder(settings: settings).answer(
            query.bytes, over: transport, from: catalog, serial: serial, random: &random))
    return (try DNSMessage(parsing: bytes), bytes.count)
}

@Suite struct DNSGoldenTests {
    /// Every recorded question, to the byte: status, flags, records of each section, and the message's length.
    @Test(arguments: Recording.all)
    func answersAsRecorded(file: String) throws {
        let recording = Recording(file)
        var serial: UInt32 = 1
        for line in recording.sections.values.joined() where line.contains(" SOA ") {
            serial = UInt32(line.split(separator: " ")[6])!
        }
        let (reply, size) = try ask(
            query(recording.name, recording.type, edns: recording.edns), recording.isTCP ? .tcp : .udp, serial: serial)
        let names: [UInt16: String] = [0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"]
        #expect(names[reply.code] == recording.status)
        #expect(reply.isResponse && reply.wantsRecursion && reply.id == 4_711)
        #expect(reply.isAuthoritative == recording.flags.contains("aa"))
        #expect(reply.isTruncated == recording.flags.contains("tc"))
        #expect(reply.offersRecursion == recording.flags.contains("ra"))
        #expect(reply.answers.map(\.shown) == recording.sections["ANSWER", default: []])
        #expect(reply.authorities.map(\.shown) == recording.sections["AUTHORITY", default: []])
        #expect(reply.additionals.map(\.shown) == recording.sections["ADDITIONAL", default: []])
        #expect((reply.edns != nil) == recording.hasOPT)
        #expect(size == recording.size)
    }

    private func ask(
        _ query: DNSMessage, _ transport: DNSResponder.Transport, serial: UInt32
    ) throws -> (DNSMessage, Int) {
        try DNSTests.ask(query, SmallCatalog(), transport, serial: serial)
    }

    @Test func thereAreRecordings() {
        #expect(Recording.all.count == 29)
    }
}

@Suite struct DNSNamesTests {
    private func catalog() -> SmallCatalog {
        var catalog = SmallCatalog()
        let second = DNSNode(name: "n.two", datacenter: "dc1", address: "fd00::2")
        catalog.nodes.append(second)
        catalog.add("web", tags: ["v1.beta", "udp"], DNSInstance(node: catalog.nodes[0], port: 80))
        catalog.add("web", tags: ["v2"], DNSInstance(node: second, port: 81, status: .warning, warningWeight: 7))
        catalog.add("web", DNSInstance(node: second, address: "10.1.2.3", port: 82, status: .critical))
        catalog.add("own", DNSInstance(node: catalog.nodes[0], address: "10.1.2.3", port: 90, passingWeight: 5))
        catalog.add("six", DNSInstance(node: catalog.nodes[0], address: "fd00::9", port: 91))
        catalog.add("far", DNSInstance(node: catalog.nodes[0], address: "db.example.com", port: 92))
        return catalog
    }

    private func answers(_ name: String, _ type: DNSType) throws -> [String] {
        try ask(query(name, type, edns: 4_096), catalog()).message.answers.map(\.shown).sorted()
    }

    @Test func onlyHealthyInstancesAreNamed() throws {
        #expect(
            try answers("web.service.consul", .srv) == [
                "web.service.consul. 0 IN SRV 1 1 80 node1.node.dc1.consul.",
                "web.service.consul. 0 IN SRV 1 7 81 n.two.node.dc1.consul.",
            ])
        #expect(try answers("web.service.consul", .a) == ["web.service.consul. 0 IN A 127.0.0.1"])
        #expect(try answers("web.service.consul", .any).count == 2)
        var settings = DNSSettings(datacenter: "dc1")
        settings.onlyPassing = true
        #expect(try ask(query("web.service.consul", .srv), catalog(), settings: settings).message.answers.count == 1)
        #expect(
            try ask(query("v2.web.service.consul", .srv), catalog(), settings: settings).message.code
                == DNSCode.nameError.rawValue)
    }

    @Test func tagsInBothForms() throws {
        #expect(try answers("v1.beta.web.service.consul", .srv).count == 1)
        #expect(try answers("v2.web.service.dc1.consul", .srv).count == 1)
        #expect(try answers("_web._v2.service.consul", .srv).count == 1)
        #expect(try answers("_web._tcp.service.consul", .srv).count == 2)
        #expect(try answers("_web._udp.service.consul", .srv).count == 1)
        #expect(try answers("_web._tcp.service.dc1.consul", .srv).count == 2)
    }

    @Test func instancesWithAddressesOfTheirOwn() throws {
        let reply = try ask(query("own.service.consul", .srv), catalog()).message
        #expect(
            reply.answers.map(\.shown) == ["own.service.consul. 0 IN SRV 1 5 90 0a010203.addr.dc1.consul."])
        #expect(reply.additionals.map(\.shown) == ["0a010203.addr.dc1.consul. 0 IN A 10.1.2.3"])
        #expect(
            try answers("0a010203.addr.dc1.consul", .any) == ["0a010203.addr.dc1.consul. 0 IN A 10.1.2.3"])
        let six = try ask(query("six.service.consul", .srv), catalog()).message
        guard case .srv(_, _, _, let target) = six.answers[0].data else {
            Issue.record("no SRV")
            return
        }
        #expect(try answers(target.description, .aaaa).count == 1)
        #expect(try answers(target.description, .a).isEmpty)
        #expect(try answers("far.service.consul", .a) == ["far.service.consul. 0 IN CNAME db.example.com."])
        #expect(
            try answers("far.service.consul", .srv) == ["far.service.consul. 0 IN SRV 1 1 92 db.example.com."])
    }

    /// 1.2.0 put a node's meta among the answers to any question.
    @Test(arguments: [DNSType.a, .aaaa, .srv])
    func textsAreNeverAnswersToOtherQuestions(type: DNSType) throws {
        for name in ["node1.node.consul", "service2.service.consul", "service2.connect.consul", "web.service.consul"] {
            let reply = try ask(query(name, type), catalog()).message
            #expect(reply.answers.allSatisfy { $0.data.type == type || $0.data.type == .cname })
        }
    }

    @Test func metaIsEncoded() throws {
        var catalog = SmallCatalog()
        catalog.nodes[0].meta = [
            .init("a=b`", "c=d"), .init("rfc1035-note", "plain"), .init("long", String(repeating: "x", count: 300)),
        ]
        let texts = try ask(query("node1.node.consul", .txt), catalog).message.answers.map(\.shown)
        #expect(texts[0].hasSuffix("TXT \"a`=b``=c=d\""))
        #expect(texts[1].hasSuffix("TXT \"plain\""))
        #expect(
            texts[2].hasSuffix(
                "\"long=\(String(repeating: "x", count: 250))\" \"\(String(repeating: "x", count: 50))\""))
    }

    @Test func reverseNames() throws {
        #expect(
            try answers("1.0.0.127.in-addr.arpa", .ptr) == ["1.0.0.127.in-addr.arpa. 0 IN PTR node1.node.dc1.consul."])
        let six = (["2"] + [String](repeating: "0", count: 27) + ["0", "0", "d", "f"]).joined(separator: ".")
        #expect(try answers("\(six).ip6.arpa", .ptr).first?.hasSuffix("PTR n.two.node.dc1.consul.") == true)
        #expect(try answers("3.2.1.10.in-addr.arpa", .ptr).count == 1)
        #expect(try ask(query("9.9.9.9.in-addr.arpa", .ptr)).message.code == DNSCode.refused.rawValue)
        for bad in ["0.0.127.in-addr.arpa", "01.0.0.127.in-addr.arpa", "256.0.0.127.in-addr.arpa", "x.ip6.arpa"] {
            #expect(try ask(query(bad, .ptr)).message.code == DNSCode.refused.rawValue)
        }
    }

    @Test(arguments: [
        "consul", "service.consul", "node.consul", "addr.consul", "a.b.addr.consul", "7f00000.addr.consul",
        "zz000001.addr.consul", "web.service.dc1.x.consul", "web.service.dc9.consul", "nope.consul",
        "q.query.consul",
    ])
    func unknownNamesDoNotExist(name: String) throws {
        let reply = try ask(query(name, .a)).message
        #expect(reply.code == DNSCode.nameError.rawValue)
        #expect(reply.answers.isEmpty && reply.authorities.count == 1 && reply.authorities[0].data.type == .soa)
    }

    @Test func timesToLive() throws {
        var settings = DNSSettings(datacenter: "dc1")
        settings.nodeTTL = 11
        settings.serviceTTL = ["service2": 22, "serv*": 33, "*": 44]
        func ttl(_ name: String) throws -> UInt32? {
            try ask(query(name, .a), settings: settings).message.answers.first?.ttl
        }
        #expect(try ttl("node1.node.consul") == 11)
        #expect(try ttl("service2.service.consul") == 22)
        #expect(try ttl("service1.service.consul") == 33)
        #expect(try ttl("consul.service.consul") == 44)
    }

    @Test func anotherDomain() throws {
        let settings = DNSSettings(domain: DNSName("mesh.example"), datacenter: "dc1")
        #expect(try ask(query("node1.node.MESH.example", .a), settings: settings).message.answers.count == 1)
        #expect(try ask(query("node1.node.consul", .a), settings: settings).message.code == DNSCode.refused.rawValue)
    }
}

@Suite struct DNSLimitTests {
    private func large(_ count: Int) -> SmallCatalog {
        var catalog = SmallCatalog()
        for number in 0..<count {
            let node = DNSNode(
                name: "node-with-a-rather-long-name-\(number)", datacenter: "dc1",
                address: "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)")
            catalog.add("many", DNSInstance(node: node, port: UInt16(number % 60_000)))
        }
        return catalog
    }

    @Test func datagramsWithoutEDNSAreShort() throws {
        let (reply, size) = try ask(query("many.service.consul", .a), large(100))
        #expect(reply.answers.count == 3 && size <= 512 && !reply.isTruncated)
        var settings = DNSSettings(datacenter: "dc1")
        settings.udpAnswerLimit = 100
        settings.saysTruncated = true
        let more = try ask(query("many.service.consul", .a), large(100), settings: settings).message
        #expect(more.answers.count == 8 && more.isTruncated)
    }

    @Test(arguments: [0, 512, 600, 1_232, 4_096, 65_535] as [UInt16])
    func datagramsFitWhatTheAskerTakes(size: UInt16) throws {
        for type in [DNSType.a, .srv] {
            let (reply, length) = try ask(query("many.service.consul", type, edns: size), large(500))
            #expect(length <= min(4_096, max(512, Int(size))))
            #expect(!reply.answers.isEmpty)
            // As many as fit: one more record of the same kind would not have.
            if size > 512 { #expect(length > min(4_096, Int(size)) - 200) }
            guard type == .srv else { continue }
            let targets = reply.answers.map { record in
                if case .srv(_, _, _, let target) = record.data { target } else { DNSName.root }
            }
            #expect(Set(targets) == Set(reply.additionals.map(\.name)))
        }
    }

    @Test func streamsFitTheirLength() throws {
        let (reply, size) = try ask(query("many.service.consul", .srv), large(1_500), .tcp)
        #expect(size <= 65_535 && size > 65_000)
        #expect(reply.answers.count > 400)
    }

    @Test func orderIsShuffled() throws {
        var firsts: Set<DNSData> = []
        for _ in 0..<200 { firsts.insert(try ask(query("many.service.consul", .a), large(4)).message.answers[0].data) }
        #expect(firsts.count == 4)
    }
}

@Suite struct DNSProtocolTests {
    private func raw(_ packet: [UInt8]) -> [UInt8]? {
        var random = SystemRandomNumberGenerator()
        return DNSResponder(settings: DNSSettings(datacenter: "dc1")).answer(
            packet, over: .udp, from: SmallCatalog(), serial: 1, random: &random)
    }

    @Test func answersAndScrapsGetNoAnswer() {
        #expect(raw([]) == nil)
        #expect(raw([UInt8](repeating: 0, count: 11)) == nil)
        var answer = query("node1.node.consul", .a)
        answer.isResponse = true
        #expect(raw(answer.bytes) == nil)
    }

    @Test func malformedQueriesAreToldSo() throws {
        let good = query("node1.node.consul", .a).bytes
        for count in 12..<good.count {
            let reply = try DNSMessage(parsing: try #require(raw(Array(good.prefix(count)))))
            #expect(reply.code == DNSCode.formatError.rawValue && reply.id == 4_711)
        }
        #expect(try DNSMessage(parsing: try #require(raw(good + [0]))).code == DNSCode.formatError.rawValue)
        var two = query("node1.node.consul", .a)
        two.questions += two.questions
        #expect(try DNSMessage(parsing: try #require(raw(two.bytes))).code == DNSCode.formatError.rawValue)
    }

    @Test func otherKindsAreRefused() throws {
        var update = query("consul", .soa)
        update.opcode = 5
        #expect(try DNSMessage(parsing: try #require(raw(update.bytes))).code == DNSCode.notImplemented.rawValue)
        #expect(
            try DNSMessage(parsing: try #require(raw(query("consul", .axfr).bytes))).code
                == DNSCode.notImplemented.rawValue)
        var chaos = query("version.bind", .txt)
        chaos.questions[0].classNumber = 3
        #expect(try DNSMessage(parsing: try #require(raw(chaos.bytes))).code == DNSCode.refused.rawValue)
        var later = query("node1.node.consul", .a, edns: 1_232)
        later.edns?.version = 1
        let reply = try DNSMessage(parsing: try #require(raw(later.bytes)))
        #expect(reply.code == DNSCode.badVersion.rawValue && reply.edns?.version == 0)
    }

    /// Pointers to themselves, forwards, in circles; labels of unknown kinds; names without end.
    @Test(
        arguments: [
            ([0xc0, 12], DNSFault.pointer), ([0xc0, 14], .pointer), ([1, 0x61, 0xc0, 12], .pointer), ([0xc0], .short),
            ([0x40, 0x61, 0], .label), ([0x80, 0x61, 0], .label), ([5, 0x61], .short),
            ([UInt8](repeating: 1, count: 300), .name), ([1, 0x61], .short),
        ] as [([UInt8], DNSFault)])
    func hostileNames(name: [UInt8], fault: DNSFault) {
        let head: [UInt8] = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        #expect(throws: fault) { try DNSMessage(parsing: head + name) }
    }

    /// A pointer into a name that itself ends in a pointer, and no further back.
    @Test func pointersChainBackwards() throws {
        let bytes: [UInt8] =
            [0, 1, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0] + [1, 0x61, 1, 0x62, 0, 0, 5, 0, 1]
            + [1, 0x78, 0xc0, 14, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 21]
        let message = try DNSMessage(parsing: bytes)
        #expect(message.answers.map(\.shown) == ["x.b. 0 IN CNAME x.b."])
    }

    /// What is written reads back the same, whatever it is.
    @Test func everyMessageSurvivesTheWire() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            func name() -> DNSName {
                let labels = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    (0..<Int.random(in: 1...12, using: &random)).map { _ in UInt8.random(in: 97...99, using: &random) }
                }
                return DNSName(labels: labels)!
            }
            func record() -> DNSRecord {
                let data: DNSData =
                    switch Int.random(in: 0..<9, using: &random) {
                    case 0: .address(.v4([1, 2, 3, 4]))
                    case 1: .address(.v6([UInt8](repeating: 7, count: 16)))
                    case 2: .ns(name())
                    case 3: .cname(name())
                    case 4: .ptr(name())
                    case 5:
                        .soa(
                            server: name(), mailbox: name(), serial: .random(in: 0 ... .max, using: &random),
                            refresh: 2,
                            retry: 3, expire: 4, minimum: 5)
                    case 6: .srv(priority: 1, weight: 2, port: 3, target: name())
                    case 7: .txt([[], [1, 2], [UInt8](repeating: 9, count: 255)])
                    default: .other(DNSType(rawValue: 99), [1, 2, 3])
                    }
                return DNSRecord(name: name(), ttl: .random(in: 0 ... .max, using: &random), data: data)
            }
            var message = DNSMessage()
            message.id = .random(in: 0 ... .max, using: &random)
            message.isResponse = .random(using: &random)
            message.isTruncated = .random(using: &random)
            message.opcode = .random(in: 0...15, using: &random)
            message.questions = [DNSQuestion(name: name(), type: .srv)]
            message.answers = (0..<Int.random(in: 0...9, using: &random)).map { _ in record() }
            message.authorities = (0..<2).map { _ in record() }
            message.additionals = (0..<2).map { _ in record() }
            if Bool.random(using: &random) {
                message.edns = DNSMessage.EDNS(size: 1_232)
                message.code = 16
            }
            #expect(try DNSMessage(parsing: message.bytes) == message)
        }
    }

    @Test func streamsAreFramed() {
        let messages = [[UInt8](), [1], [UInt8](repeating: 5, count: 65_535)]
        let wire = messages.flatMap(DNSStream.framed)
        for step in [1, 2, 3, 1_000, 100_000] {
            var stream = DNSStream()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: wire.count, by: step) {
                stream.receive(wire[start..<min(start + step, wire.count)])
                while let message = stream.next() { found.append(message) }
            }
            #expect(found == messages)
            #expect(stream.waiting == 0)
        }
    }
}

@Suite struct DNSSettingsTests {
    @Test func aSecondDomainIsAnsweredUnderItsOwnName() throws {
        var settings = DNSSettings(datacenter: "dc1")
        settings.otherDomain = DNSName("other.example")
        for domain in ["other.example", "consul"] {
            let (reply, _) = try ask(query("\(domain)", .soa), settings: settings)
            #expect(reply.code == 0 && reply.isAuthoritative)
            #expect(reply.answers.first?.name == DNSName(domain))
            let (none, _) = try ask(query("nobody.service.\(domain)", .a), settings: settings)
            #expect(none.code == 3)
            #expect(none.authorities.first?.name == DNSName(domain))
        }
        let (foreign, _) = try ask(query("web.service.example", .a), settings: settings)
        #expect(foreign.code == 5)
    }

    @Test func namesStandInFullWhereCompressionIsOff() throws {
        var settings = DNSSettings(datacenter: "dc1")
        let (short, shortSize) = try ask(query("consul", .soa), settings: settings)
        settings.compresses = false
        let (long, longSize) = try ask(query("consul", .soa), settings: settings)
        #expect(longSize > shortSize)
        #expect(long.answers == short.answers)
    }

    @Test func theZonesTimesAreThoseOfTheSettings() throws {
        var settings = DNSSettings(datacenter: "dc1")
        (settings.soaRefresh, settings.soaRetry, settings.soaExpire, settings.soaMinimum) = (1, 2, 3, 4)
        let (reply, _) = try ask(query("consul", .soa), settings: settings)
        guard case .soa(_, _, _, let refresh, let retry, let expire, let minimum)? = reply.answers.first?.data else {
            Issue.record("no authority")
            return
        }
        #expect([refresh, retry, expire, minimum] == [1, 2, 3, 4])
    }
}
