import Agent
import Mesh

extension RunningAgent {
    /// What the agent says of itself when it has started, as Consul 1.9 lays it out; nothing where the log
    /// is JSON, for a machine to read.
    package var banner: String {
        let configuration = core.configuration
        if configuration.logsJSON { return "" }
        let ports = configuration.ports
        let clients = configuration.clientAddresses.joined(separator: " ")
        return """
            ==> Starting Consul agent...
                       Version: '\(AgentCore.version)'
                       Node ID: '\(keeper.nodeID)'
                     Node name: '\(configuration.nodeName)'
                    Datacenter: '\(configuration.datacenter)' (Segment: '<all>')
                        Server: true (Bootstrap: false)
                   Client Addr: [\(clients)] (HTTP: \(ports.http), HTTPS: -1, gRPC: -1, DNS: \(ports.dns))
                  Cluster Addr: \(core.advertiseAddress) (LAN: -1, WAN: -1)
                       Encrypt: Gossip: false, TLS-Outgoing: false, TLS-Incoming: false, Auto-Encrypt-TLS: false

            ==> Log data will now stream in as it occurs:


            """
    }
}
