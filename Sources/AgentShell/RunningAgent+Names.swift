import Agent
import DNS
import Kernel
import Mesh

/// DNS: opening its ports, answering from the catalog.
extension RunningAgent {
    /// Opens the DNS ports of the configuration.
    func listenForNames() throws(AgentFault) {
        let configuration = core.configuration
        guard configuration.ports.dns > 0 else { return }
        for text in configuration.dnsListenAddresses where !text.hasPrefix("unix://") {
            let address = try Self.listenAddress(text, port: configuration.ports.dns)
            do throws(Errno) {
                try names.listen(on: address)
            } catch {
                throw AgentFault(Self.sentence("DNS", address, error, key: "ports.dns", flag: "-dns-port"))
            }
            for network in ["tcp", "udp"] {
                log.write(.info, "agent: Started DNS server: address=\(address) network=\(network)")
            }
        }
    }

    /// The answer to one query.
    func answer(_ query: [UInt8], _ transport: DNSResponder.Transport) -> [UInt8]? {
        guard let (catalog, access) = core.openView else { return nil }
        let configuration = core.configuration
        let view = CatalogNames(
            catalog: catalog, access: access, datacenter: configuration.datacenter, ownNode: configuration.nodeName)
        var random = SystemRandomNumberGenerator()
        let serial = UInt32(truncatingIfNeeded: Clock.realtime / 1_000_000_000)
        return responder.answer(query, over: transport, from: view, serial: serial, random: &random)
    }

    static func settings(_ configuration: Configuration) -> DNS.DNSSettings {
        var settings = DNS.DNSSettings(domain: DNSName(configuration.domain), datacenter: configuration.datacenter)
        func seconds(_ duration: Duration) -> UInt32 {
            UInt32(clamping: max(0, duration.nanoseconds) / 1_000_000_000)
        }
        settings.nodeTTL = seconds(configuration.dns.nodeTTL)
        settings.serviceTTL = configuration.dns.serviceTTL.mapValues(seconds)
        settings.onlyPassing = configuration.dns.onlyPassing
        settings.udpAnswerLimit = configuration.dns.udpAnswerLimit
        settings.addressLimit = configuration.dns.aRecordLimit
        settings.saysTruncated = configuration.dns.enablesTruncate
        return settings
    }
}
