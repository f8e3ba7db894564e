extension DNSResponder {
    /// Fills in what is known of a place; the code says whether the name exists.
    func resolve(
        _ place: Place, _ question: DNSQuestion, _ reply: inout DNSMessage, _ catalog: some DNSCatalog,
        _ random: inout some RandomNumberGenerator
    ) -> DNSCode {
        switch place.kind {
        case "service":
            let (service, tag) = Self.serviceAndTag(place.parts)
            let instances = catalog.instances(of: service, tag: tag, datacenter: place.datacenter)
            return tell(instances, of: service, question, &reply, &random)
        case "connect":
            // Proxies have no tags to ask for: what stands before the name is passed over, as Consul does.
            let service = place.parts[place.parts.count - 1]
            let instances = catalog.connectInstances(of: service, datacenter: place.datacenter)
            return tell(instances, of: service, question, &reply, &random)
        case "node":
            let name = place.parts.joined(separator: ".")
            guard let node = catalog.node(named: name, datacenter: place.datacenter) else { return .nameError }
            tell(node, question, &reply)
            return .success
        case "addr":
            guard place.parts.count == 1, let address = DNSAddress(hex: place.parts[0]) else { return .nameError }
            let record = DNSRecord(name: question.name, ttl: settings.nodeTTL, data: .address(address))
            if question.type == record.data.type || question.type == .any {
                reply.answers = [record]
            } else {
                reply.additionals = [record]
            }
            return .success
        default: return .nameError
        }
    }

    /// "tag.web", where the tag may have dots, or "_web._tag" (RFC 2782), where "tcp" asks for no tag.
    private static func serviceAndTag(_ parts: [String]) -> (service: String, tag: String?) {
        if parts.count == 2, parts[0].hasPrefix("_"), parts[1].hasPrefix("_") {
            return (String(parts[0].dropFirst()), parts[1] == "_tcp" ? nil : String(parts[1].dropFirst()))
        }
        let tag = parts.dropLast().joined(separator: ".")
        return (parts[parts.count - 1], tag.isEmpty ? nil : tag)
    }

    private func tell(
        _ instances: [DNSInstance], of service: String, _ question: DNSQuestion, _ reply: inout DNSMessage,
        _ random: inout some RandomNumberGenerator
    ) -> DNSCode {
        let healthy = instances.filter {
            $0.status == .passing || $0.status == .warning && !settings.onlyPassing
        }
        guard !healthy.isEmpty else { return .nameError }
        let ttl = settings.ttl(of: service)
        let shuffled = healthy.shuffled(using: &random)
        if question.type == .srv {
            tellPlaces(shuffled, ttl, question, &reply)
        } else {
            tellAddresses(shuffled, ttl, question, &reply)
        }
        return .success
    }

    /// Address records, one for each address however many instances share it.
    private func tellAddresses(
        _ instances: [DNSInstance], _ ttl: UInt32, _ question: DNSQuestion, _ reply: inout DNSMessage
    ) {
        var seen: Set<DNSData> = []
        for instance in instances {
            if settings.addressLimit > 0, reply.answers.count >= settings.addressLimit { return }
            let text = instance.address.isEmpty ? instance.node.address : instance.address
            guard let data = Self.data(text), Self.fits(data, question.type), seen.insert(data).inserted else {
                continue
            }
            reply.answers.append(DNSRecord(name: question.name, ttl: ttl, data: data))
        }
    }

    /// SRV records, and the addresses of their targets beside them.
    private func tellPlaces(
        _ instances: [DNSInstance], _ ttl: UInt32, _ question: DNSQuestion, _ reply: inout DNSMessage
    ) {
        var seen: Set<DNSData> = []
        for instance in instances {
            var beside: [DNSRecord] = []
            let target: DNSName?
            if instance.address.isEmpty {
                target = name(of: instance.node)
                if let target {
                    if let data = Self.data(instance.node.address) {
                        beside.append(DNSRecord(name: target, ttl: ttl, data: data))
                    }
                    if settings.nodeMetaTXT { beside += texts(instance.node, as: target, ttl) }
                }
            } else if let address = DNSAddress(instance.address) {
                target = name([address.hex, "addr", instance.node.datacenter])
                if let target { beside.append(DNSRecord(name: target, ttl: ttl, data: .address(address))) }
            } else {
                target = DNSName(instance.address)
            }
            guard let target else { continue }
            let weight = instance.status == .warning ? instance.warningWeight : instance.passingWeight
            let data = DNSData.srv(priority: 1, weight: weight, port: instance.port, target: target)
            guard seen.insert(data).inserted else { continue }
            reply.answers.append(DNSRecord(name: question.name, ttl: ttl, data: data))
            for record in beside where !reply.additionals.contains(record) { reply.additionals.append(record) }
        }
    }

    private func tell(_ node: DNSNode, _ question: DNSQuestion, _ reply: inout DNSMessage) {
        if let data = Self.data(node.address), Self.fits(data, question.type) {
            reply.answers.append(DNSRecord(name: question.name, ttl: settings.nodeTTL, data: data))
        }
        let texts = texts(node, as: question.name, settings.nodeTTL)
        switch question.type {
        case .txt, .any: reply.answers += texts
        // Beside an address that was found, never instead of one.
        case .a, .aaaa: if settings.nodeMetaTXT, !reply.answers.isEmpty { reply.additionals += texts }
        default: break
        }
    }

    /// A node's meta as texts "key=value" (RFC 1464); of keys that begin with "rfc1035-" the value alone.
    private func texts(_ node: DNSNode, as name: DNSName, _ ttl: UInt32) -> [DNSRecord] {
        node.meta.map { pair in
            var text: [UInt8] = []
            if !pair.key.lowercased().hasPrefix("rfc1035-") {
                for byte in pair.key.utf8 {
                    if byte == UInt8(ascii: "=") || byte == UInt8(ascii: "`") { text.append(UInt8(ascii: "`")) }
                    text.append(byte)
                }
                text.append(UInt8(ascii: "="))
            }
            text.append(contentsOf: pair.value.utf8)
            var parts: [[UInt8]] = []
            repeat {
                parts.append(Array(text.prefix(255)))
                text.removeFirst(min(255, text.count))
            } while !text.isEmpty
            return DNSRecord(name: name, ttl: ttl, data: .txt(parts))
        }
    }

    /// The record for an address, or for the host name that stands where an address could.
    private static func data(_ text: String) -> DNSData? {
        if let address = DNSAddress(text) { return .address(address) }
        guard let name = DNSName(text), name != .root else { return nil }
        return .cname(name)
    }

    /// Whether a record answers a question of `type`.
    private static func fits(_ data: DNSData, _ type: DNSType) -> Bool {
        switch type {
        case .any: true
        case .a, .aaaa: data.type == type || data.type == .cname
        default: data.type == type
        }
    }
}
