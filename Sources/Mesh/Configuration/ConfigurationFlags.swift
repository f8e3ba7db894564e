/// What the command line of `warren agent` says; it counts over the files.
package struct ConfigurationFlags: Sendable, Hashable {
    package var isDev = false
    package var advertise: String?
    package var advertiseWAN: String?
    package var bind: String?
    package var client: String?
    package var dataDirectory: String?
    package var datacenter: String?
    package var dnsPort: Int?
    package var domain: String?
    package var enablesScriptChecks: Bool?
    package var enablesLocalScriptChecks: Bool?
    package var httpPort: Int?
    package var logLevel: String?
    package var logsJSON: Bool?
    package var node: String?
    package var nodeID: String?
    /// "key:value" each.
    package var nodeMeta: [String] = []
    package var pidFile: String?
    package var recursors: [String] = []
    package var server: Bool?
    package var ui: Bool?
    /// Fragments given with `-hcl`, in JSON.
    package var fragments: [String] = []

    package init() {}
}
