extension DNSResponder {
    /// The zone's authority record.
    func authority(_ serial: UInt32) -> DNSRecord {
        DNSRecord(
            name: settings.domain, ttl: settings.soaMinimum,
            data: .soa(
                server: name(["ns"]) ?? settings.domain, mailbox: name(["hostmaster"]) ?? settings.domain,
                serial: serial, refresh: settings.soaRefresh, retry: settings.soaRetry, expire: settings.soaExpire,
                minimum: settings.soaMinimum))
    }

    /// Answers a question about the zone itself.
    func describeZone(
        _ reply: inout DNSMessage, _ catalog: some DNSCatalog, _ serial: UInt32,
        _ random: inout some RandomNumberGenerator
    ) {
        reply.answers = [authority(serial)]
        (reply.authorities, reply.additionals) = nameServers(catalog, &random)
    }

    /// At most three servers and their addresses.
    func nameServers(
        _ catalog: some DNSCatalog, _ random: inout some RandomNumberGenerator
    ) -> (servers: [DNSRecord], glue: [DNSRecord]) {
        var servers: [DNSRecord] = []
        var glue: [DNSRecord] = []
        for node in catalog.servers().shuffled(using: &random) where servers.count < 3 {
            guard let target = name(of: node) else { continue }
            servers.append(DNSRecord(name: settings.domain, ttl: settings.nodeTTL, data: .ns(target)))
            if let address = DNSAddress(node.address) {
                glue.append(DNSRecord(name: target, ttl: settings.nodeTTL, data: .address(address)))
            }
        }
        return (servers, glue)
    }

    /// The name for an address: the node's, else that of a service with an address of its own.
    func reverse(_ address: DNSAddress, _ catalog: some DNSCatalog) -> DNSName? {
        if let node = catalog.node(at: address) { return name(of: node) }
        return catalog.service(at: address).flatMap { name([$0, "service"]) }
    }

    /// The name of these parts, which may hold dots, under the domain; `nil` if it is none.
    func name(_ parts: [String]) -> DNSName? {
        let labels = parts.flatMap { $0.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) }
        return DNSName(labels: labels.map(Array.init) + settings.domain.labels)
    }

    /// The name of a node.
    func name(of node: DNSNode) -> DNSName? {
        name([node.name, "node", node.datacenter])
    }
}
