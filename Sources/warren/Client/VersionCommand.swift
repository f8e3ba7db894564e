import Agent
import CWarren
import TLS

extension Command {
    /// Warren's own release.
    static let release = "0.1.0"

    /// `warren version`.
    static let version = Command(name: "version", synopsis: "Prints the version") { words in
        var flags = Flags(
            usage: "warren version\n\n  Prints the version, and which cryptography is at work on this machine.")
        if let status = flags.parseOrExplain(words) { return status }
        output("Warren v\(release)")
        output("Speaks the HTTP API of Consul \(AgentCore.version.prefix { $0 != "+" }), understands 1.2 and later")
        output("TLS by \(String(cString: warren_openssl_version()))")
        do throws(TLSFault) {
            output("Record protection by \(try TLSEngine().recordProtection)")
        } catch {
            complain("Record protection cannot be told: \(error)")
            return 1
        }
        output("Kernel TLS \(KernelSupport.here.verdict)")
        return 0
    }
}
