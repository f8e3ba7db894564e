import Agent
import Glibc
import Kernel
import Mesh
import Reactor

/// `warren agent`: catalog, health checks, certificate authority, intentions and the HTTP API, with a sidecar for every
/// service that asks for one.
func runAgent(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren agent [options]

              Starts the Warren agent and runs until an interrupt is received. SIGHUP
              reads the configuration again.
            """)
    AgentSettings.declare(&flags)
    if let status = flags.parseOrExplain(words) { return status }
    do throws(AgentSettings.Refused) {
        return try AgentSettings.run(flags, AgentSettings.sources(flags, words))
    } catch {
        complain("==> \(error.text)")
        return 1
    }
}

/// `warren validate`: reads configuration files and folders as the agent would.
func runValidate(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren validate [options] FILE_OR_DIRECTORY...

              Reads the configuration as the agent would and says what is wrong with
              it. The status is 0 if nothing is, else 1.
            """)
    flags.value("config-format", "hcl|json", "The files' format; only json is read.")
    flags.toggle("quiet", "Says nothing when the configuration is valid.")
    if let status = flags.parseOrExplain(words) { return status }
    guard !flags.arguments.isEmpty else {
        complain("Must specify at least one config file or directory")
        return 1
    }
    let sources = flags.arguments.map(ConfigurationSources.Source.file)
    do throws(ConfigurationError) {
        _ = try ConfigurationSources(sources: sources, flags: ConfigurationFlags()).read()
    } catch {
        complain("Config validation failed: \(error)")
        return 1
    }
    if !flags.isOn("quiet") { print("Configuration is valid!") }
    return 0
}

/// The command line of `warren agent`.
enum AgentSettings {
    /// Why the agent does not start; printed behind "==> ".
    struct Refused: Error {
        let text: String
    }

    /// Flags of Consul's that concern raft, gossip and the like: taken, and without effect.
    private static let idleValues = [
        "bootstrap-expect", "config-format", "encrypt", "join", "join-wan", "protocol", "raft-protocol",
        "retry-interval", "retry-interval-wan", "retry-join", "retry-join-wan", "retry-max", "retry-max-wan", "segment",
        "serf-lan-bind", "serf-lan-port", "serf-wan-bind", "serf-wan-port", "server-port", "ui-dir", "ui-content-path",
        "grpc-port", "https-port", "alt-domain", "primary-gateway", "log-file", "log-rotate-bytes",
        "log-rotate-duration", "log-rotate-max-files", "allow-write-http-from", "check_output_max_size",
        "default-query-time", "max-query-time",
    ]
    private static let idleToggles = [
        "bootstrap", "disable-host-node-id", "disable-keyring-file", "non-voting-server", "read-replica", "rejoin",
        "syslog",
    ]

    static func declare(_ flags: inout Flags) {
        flags.toggle("dev", "Starts the agent in development mode: nothing is kept.")
        flags.value("advertise", "value", "The address other machines reach this node by.")
        flags.value("advertise-wan", "value", "The same, from other datacenters.")
        flags.value("bind", "value", "The address sidecars listen on and other machines reach.")
        flags.value("client", "value", "The addresses for HTTP and DNS, separated by spaces. The default is 127.0.0.1.")
        flags.list("config-dir", "value", "A folder whose .json files are read in order of name.")
        flags.list("config-file", "value", "A configuration file in JSON.")
        flags.value("data-dir", "value", "The folder for what outlives the agent.")
        flags.value("datacenter", "value", "The datacenter's name. The default is dc1.")
        flags.value("dns-port", "value", "The port of DNS. The default is 8600; -1 switches it off.")
        flags.value("domain", "value", "The domain of DNS names. The default is consul.")
        flags.toggle("enable-script-checks", "Allows checks that run programs.")
        flags.toggle("enable-local-script-checks", "Allows such checks in configuration files only.")
        flags.list("hcl", "value", "A piece of configuration, in JSON, applied last.")
        flags.value("http-port", "value", "The port of the HTTP API. The default is 8500.")
        flags.value("log-level", "value", "TRACE, DEBUG, INFO, WARN or ERR.")
        flags.toggle("log-json", "Writes the log as JSON.")
        flags.value("node", "value", "This node's name. The default is the host name.")
        flags.value("node-id", "value", "This node's UUID.")
        flags.list("node-meta", "key:value", "A pair of metadata of this node.")
        flags.value("pid-file", "value", "A file for the process id.")
        flags.list("recursor", "value", "A DNS server for names outside the domain.")
        flags.toggle("server", "Says that this agent is a server, which it always is.")
        flags.toggle("ui", "Accepted for Consul's sake; there is no web page.")
        for name in idleValues { flags.list(name, "value", "Accepted for Consul's sake; changes nothing here.") }
        for name in idleToggles { flags.toggle(name, "Accepted for Consul's sake; changes nothing here.") }
    }

    /// The sources in the order of the command line: files and folders may alternate there.
    static func sources(_ flags: Flags, _ words: [String]) throws(Refused) -> ConfigurationSources {
        if !flags.arguments.isEmpty {
            throw Refused(text: "config: Unknown extra arguments: [\(flags.arguments.joined(separator: " "))]")
        }
        var settings = ConfigurationFlags()
        settings.isDev = flags.isOn("dev")
        settings.advertise = flags.text("advertise")
        settings.advertiseWAN = flags.text("advertise-wan")
        settings.bind = flags.text("bind")
        settings.client = flags.text("client")
        settings.dataDirectory = flags.text("data-dir")
        settings.datacenter = flags.text("datacenter")
        settings.dnsPort = try port(flags, "dns-port")
        settings.domain = flags.text("domain")
        settings.httpPort = try port(flags, "http-port")
        settings.logLevel = flags.text("log-level")
        settings.node = flags.text("node")
        settings.nodeID = flags.text("node-id")
        settings.nodeMeta = flags.texts("node-meta")
        settings.pidFile = flags.text("pid-file")
        settings.recursors = flags.texts("recursor")
        settings.fragments = flags.texts("hcl")
        func toggle(_ name: String) -> Bool? { flags.isGiven(name) ? flags.isOn(name) : nil }
        settings.enablesScriptChecks = toggle("enable-script-checks")
        settings.enablesLocalScriptChecks = toggle("enable-local-script-checks")
        settings.logsJSON = toggle("log-json")
        settings.server = toggle("server")
        settings.ui = toggle("ui")
        return ConfigurationSources(sources: ordered(flags, words), flags: settings)
    }

    private static func port(_ flags: Flags, _ name: String) throws(Refused) -> Int? {
        guard let text = flags.text(name) else { return nil }
        guard let port = Int(text), (-1...65535).contains(port) else {
            throw Refused(text: "invalid value \"\(text)\" for -\(name): want a port, or -1 to switch it off")
        }
        return port
    }

    private static func ordered(_ flags: Flags, _ words: [String]) -> [ConfigurationSources.Source] {
        var files = flags.texts("config-file")[...]
        var folders = flags.texts("config-dir")[...]
        var sources: [ConfigurationSources.Source] = []
        for word in words {
            switch word.drop(while: { $0 == "-" }).prefix(while: { $0 != "=" }) {
            case "config-file" where word.hasPrefix("-"): if let next = files.popFirst() { sources.append(.file(next)) }
            case "config-dir" where word.hasPrefix("-"):
                if let next = folders.popFirst() { sources.append(.folder(next)) }
            default: break
            }
        }
        return sources
    }

    static func run(_ flags: Flags, _ sources: ConfigurationSources) throws(Refused) -> Int32 {
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try sources.read()
        } catch {
            throw Refused(text: error.description)
        }
        print("==> Starting Warren agent...")
        let keeper = try open(configuration)
        banner(configuration, nodeID: keeper.nodeID)
        if !configuration.pidFile.isEmpty { try writePID(configuration.pidFile) }
        defer { if !configuration.pidFile.isEmpty { unlink(configuration.pidFile) } }
        do throws(Errno) {
            _ = Limits.descriptors(raisingTo: 1 << 20)
            let loop = try ControlLoop()
            let agent = Agent(on: loop, configuration: configuration, sources: sources, keeper: keeper)
            try loop.onSignals { agent.signalled($0) }
            do throws(AgentCore.StartError) {
                try agent.start()
            } catch {
                agent.abandon()
                complain("==> Error starting agent: \(error)")
                return 1
            }
            loop.run()
            return agent.ending.rawValue
        } catch {
            throw Refused(text: "cannot make an event loop: \(error)")
        }
    }

    private static func open(_ configuration: Configuration) throws(Refused) -> Keeper {
        do throws(Keeper.Refused) {
            return try Keeper.open(configuration)
        } catch {
            throw Refused(text: "Error starting agent: \(error.description)")
        }
    }

    private static func writePID(_ path: String) throws(Refused) {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        let problem = errno
        guard descriptor >= 0 else {
            throw Refused(text: "Error writing PID file: Could not write pid file \(path): \(Errno(problem))")
        }
        let text = "\(getpid())\n"
        _ = text.utf8.withContiguousStorageIfAvailable { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    private static func banner(_ configuration: Configuration, nodeID: String) {
        let clients = configuration.clientAddresses.joined(separator: " ")
        let ports = configuration.ports
        print("           Version: '\(AgentCore.version)'")
        print("           Node ID: '\(nodeID)'")
        print("         Node name: '\(configuration.nodeName)'")
        print("        Datacenter: '\(configuration.datacenter)'")
        print("       Client Addr: [\(clients)] (HTTP: \(ports.http), DNS: \(ports.dns))")
        print(
            "      Cluster Addr: \(configuration.advertiseAddress.isEmpty ? configuration.bindAddress : configuration.advertiseAddress)"
        )
        print("")
        print("==> Log data will now stream in as it occurs:")
        print("")
        fflush(nil)
    }
}
