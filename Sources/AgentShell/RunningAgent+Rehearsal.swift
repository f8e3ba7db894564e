import Agent
import Kernel
import Log
import Mesh

extension RunningAgent {
    /// Reads a configuration as an agent would and goes through its start without opening, writing or starting anything.
    ///
    /// - Returns: sentences about what depends on the state an earlier agent left.
    /// - Throws: what an agent would refuse the configuration for.
    package static func rehearse(_ sources: ConfigurationSources) throws(AgentFault) -> [String] {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try sources.read()
        } catch {
            throw AgentFault(error.description)
        }
        let ports = configuration.ports
        if ports.http > 0 {
            for text in configuration.httpListenAddresses { _ = try listenAddress(text, port: ports.http) }
        }
        if ports.dns > 0 {
            for text in configuration.dnsListenAddresses where !text.hasPrefix("unix://") {
                _ = try listenAddress(text, port: ports.dns)
            }
        }
        if !configuration.logFile.path.isEmpty, let problem = LogFilePlan(configuration.logFile).problem {
            throw AgentFault("log_file: \(problem)")
        }
        if !configuration.nodeID.isEmpty { _ = try DataDirectory.nodeID(given: configuration.nodeID, in: "") }
        do throws(AgentCore.StartError) {
            return try AgentCore.rehearse(
                configuration, now: Now(ticks: Int64(clamping: Clock.monotonic), wall: Clock.realtime))
        } catch {
            throw AgentFault(error.description)
        }
    }
}
