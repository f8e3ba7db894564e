/// Answers DNS queries about the mesh: bytes in, bytes out. Holds nothing but its settings.
public struct DNSResponder: Sendable {
    /// How a query came and how its answer goes.
    public enum Transport: Sendable, Hashable {
        /// In one datagram.
        case udp
        /// In a stream.
        case tcp
    }

    /// How names are answered.
    public var settings: DNSSettings

    /// A responder with these settings.
    public init(settings: DNSSettings) {
        self.settings = settings
    }

    /// The answer to a query.
    ///
    /// - Parameters:
    ///   - packet: the query as it was received.
    ///   - catalog: what is known.
    ///   - serial: the zone's serial number, by custom the time in seconds.
    ///   - random: for the order of instances.
    /// - Returns: the bytes to send, `nil` if the packet deserves no answer: too short to tell its id, or an answer itself.
    public func answer(
        _ packet: [UInt8], over transport: Transport, from catalog: some DNSCatalog, serial: UInt32,
        random: inout some RandomNumberGenerator
    ) -> [UInt8]? {
        guard packet.count >= 12, packet[2] & 0x80 == 0 else { return nil }
        let query: DNSMessage
        do throws(DNSFault) {
            query = try DNSMessage(parsing: packet)
        } catch {
            var reply = DNSMessage()
            reply.id = UInt16(packet[0]) << 8 | UInt16(packet[1])
            reply.isResponse = true
            reply.opcode = packet[2] >> 3 & 15
            reply.wantsRecursion = packet[2] & 1 != 0
            reply.code = DNSCode.formatError.rawValue
            return reply.bytes
        }
        var responder = self
        if let other = settings.otherDomain, let name = query.questions.first?.name,
            name.labels(before: settings.domain) == nil, name.labels(before: other) != nil
        {
            responder.settings.domain = other
        }
        var reply = responder.respond(to: query, from: catalog, serial: serial, random: &random)
        reply.compresses = settings.compresses
        switch transport {
        case .udp: trimDatagram(&reply, query)
        case .tcp: trim(&reply, to: 65_535)
        }
        return reply.bytes
    }

    /// The whole answer to a query, before it is made to fit.
    func respond(
        to query: DNSMessage, from catalog: some DNSCatalog, serial: UInt32, random: inout some RandomNumberGenerator
    ) -> DNSMessage {
        var reply = DNSMessage()
        reply.id = query.id
        reply.isResponse = true
        reply.opcode = query.opcode
        reply.wantsRecursion = query.wantsRecursion
        reply.questions = query.questions
        func refuse(_ code: DNSCode) -> DNSMessage {
            reply.code = code.rawValue
            return reply
        }
        guard query.opcode == 0 else { return refuse(.notImplemented) }
        guard query.questions.count == 1, let question = query.questions.first else { return refuse(.formatError) }
        if let edns = query.edns, edns.version > 0 {
            reply.edns = DNSMessage.EDNS(size: edns.size)
            return refuse(.badVersion)
        }
        guard question.classNumber == 1 || question.classNumber == 255 else { return refuse(.refused) }
        // Beyond its names this server knows nobody to ask; such refusals carry no OPT record, as Consul's carry none.
        if let address = DNSAddress(reverse: question.name) {
            guard let target = reverse(address, catalog), question.type == .ptr || question.type == .any else {
                return refuse(.refused)
            }
            reply.answers = [DNSRecord(name: question.name, ttl: settings.nodeTTL, data: .ptr(target))]
        } else if let labels = question.name.labels(before: settings.domain) {
            switch question.type {
            case .axfr: reply.code = DNSCode.notImplemented.rawValue
            case .soa: describeZone(&reply, catalog, serial, &random)
            case .ns: (reply.answers, reply.additionals) = nameServers(catalog, &random)
            default: look(labels, question, &reply, catalog, serial, &random)
            }
        } else {
            return refuse(.refused)
        }
        reply.isAuthoritative = true
        reply.edns = query.edns.map { DNSMessage.EDNS(size: $0.size) }
        return reply
    }

    /// Takes the labels before the domain apart: parts, kind, datacenter.
    private func look(
        _ labels: [String], _ question: DNSQuestion, _ reply: inout DNSMessage, _ catalog: some DNSCatalog,
        _ serial: UInt32, _ random: inout some RandomNumberGenerator
    ) {
        let kinds: Set<String> = ["service", "connect", "node", "addr"]
        let found = labels.lastIndex { kinds.contains($0) }
        var outcome = DNSCode.nameError
        if let found {
            let parts = Array(labels[..<found])
            let suffix = labels[(found + 1)...]
            let datacenter = suffix.first ?? settings.datacenter
            if suffix.count <= 1, !parts.isEmpty, catalog.knows(datacenter: datacenter) {
                let place = Place(kind: labels[found], parts: parts, datacenter: datacenter)
                outcome = resolve(place, question, &reply, catalog, &random)
            }
        }
        reply.code = outcome.rawValue
        // "There is none" comes with the authority that says so (RFC 2308, sections 2.1 and 2.2).
        if reply.answers.isEmpty { reply.authorities = [authority(serial)] }
    }

    /// What a name under the domain speaks of.
    struct Place {
        var kind: String
        var parts: [String]
        var datacenter: String
    }
}
