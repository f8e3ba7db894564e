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

    /// Takes over how names are answered, as the configuration says now.
    func readNameSettings() { responder.settings = core.dnsSettings }

    /// The answer to one query.
    func answer(_ query: [UInt8], _ transport: DNSResponder.Transport) -> [UInt8]? {
        var random = SystemRandomNumberGenerator()
        let serial = UInt32(truncatingIfNeeded: Clock.realtime / 1_000_000_000)
        return responder.answer(query, over: transport, from: core, serial: serial, random: &random)
    }
}
