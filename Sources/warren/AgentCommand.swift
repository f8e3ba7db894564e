import Agent
import AgentShell
import JSON
import Kernel
import Log
import Mesh
import Reactor
import Store

/// `warren agent`: the control plane of one machine, and the sidecars of its services.
func runAgent(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren agent [options]

              Starts the agent and runs until an interrupt is received: catalog, health
              checks, certificate authority and intentions behind Consul's HTTP API, and
              a sidecar for every service whose definition asks for one.

              SIGHUP reads the configuration again.
            """)
    ServeFlags.declare(&flags)
    if let status = flags.parseOrExplain(words) { return status }
    do throws(AgentFault) {
        return try serve(try ServeFlags.sources(flags))
    } catch {
        complain("==> \(error)")
        return 1
    }
}

/// Starts everything or nothing, runs, and cleans up.
private func serve(_ sources: ConfigurationSources) throws(AgentFault) -> Int32 {
    let configuration: Configuration
    do throws(ConfigurationError) {
        configuration = try sources.read()
    } catch {
        throw AgentFault(error.description)
    }
    // Each sidecar, client and waiting request is a descriptor.
    let descriptors = Limits.descriptors(raisingTo: 65_536)
    let data = configuration.dataDirectory
    let store: any Store
    if data.isEmpty {
        store = MemoryStore()
    } else {
        try DataDirectory.prepare(data)
        do throws(StoreError) {
            store = try SQLiteStore(folder: data)
        } catch {
            throw AgentFault(error.description)
        }
    }
    let keeper = try Keeper(
        nodeID: try DataDirectory.nodeID(given: configuration.nodeID, in: data), store: store, isLasting: !data.isEmpty)
    defer { keeper.close() }
    let folder = data.isEmpty ? try SidecarFolder.passing() : try SidecarFolder.lasting(in: data)
    defer { folder.removeIfPassing() }

    let loop: ControlLoop
    do throws(Errno) {
        loop = try ControlLoop()
    } catch {
        throw AgentFault("cannot make an event loop: \(error)")
    }
    let log = AgentLog(
        writer: LogWriter(descriptor: 1), level: Agent.LogLevel(name: configuration.logLevel) ?? .info,
        isJSON: configuration.logsJSON)
    defer { log.flush() }
    let agent = RunningAgent(
        on: loop, configuration: configuration, sources: sources, keeper: keeper, scratch: folder, log: log,
        descriptors: descriptors)
    defer { agent.close() }
    do throws(Errno) {
        try loop.onSignals { agent.signalled($0) }
    } catch {
        throw AgentFault("cannot receive signals: \(error)")
    }
    try agent.listen()
    // Behind the ports: an agent that finds them taken must not touch the other's file.
    let pidFile = try PIDFile(configuration.pidFile)
    defer { pidFile.remove() }
    try log.keep(in: configuration.logFile, on: loop)
    do throws(AgentFault) {
        try agent.start()
    } catch {
        log.dropUnusedFile()
        throw error
    }
    log.open(banner: agent.banner)
    loop.run()
    return agent.ending.rawValue
}

private enum ServeFlags {
    /// Flags of Consul's that concern what this agent does not have: accepted, and said in the log to change nothing.
    static let idleValues = [
        "bootstrap-expect", "encrypt", "join", "join-wan", "protocol", "raft-protocol",
        "retry-interval", "retry-interval-wan", "retry-join", "retry-join-wan", "retry-max", "retry-max-wan",
        "segment", "serf-lan-bind", "serf-wan-bind", "serf-lan-port", "serf-wan-port", "server-port", "ui-dir",
        "ui-content-path", "config-format", "https-port", "grpc-port", "primary-gateway",
        "serf-lan-allowed-cidrs", "serf-wan-allowed-cidrs",
    ]
    static let idleToggles = [
        "bootstrap", "disable-host-node-id", "disable-keyring-file", "non-voting-server", "read-replica", "rejoin",
        "syslog",
    ]

    static func declare(_ flags: inout Flags) {
        flags.value("advertise", "address", "The address other machines reach this node by.")
        flags.value("advertise-wan", "address", "The address to show on the WAN, instead of -advertise's.")
        flags.value("bind", "address", "The address sidecars accept connections on. The default is 0.0.0.0.")
        flags.value("client", "address", "The address HTTP and DNS listen on. The default is 127.0.0.1.")
        flags.value("check_output_max_size", "bytes", "How much of a check's output is kept. The default is 4096.")
        flags.list("config-dir", "path", "A folder whose .json files are read, in the order of their names.")
        flags.list("config-file", "path", "A file to read.")
        flags.value("data-dir", "path", "The folder for what must outlive the process.")
        flags.value("datacenter", "name", "The datacenter. The default is dc1.")
        flags.value("default-query-time", "duration", "How long a query without a wait blocks. The default is 300s.")
        flags.value("alt-domain", "name", "A second domain DNS answers for.")
        flags.list(
            "allow-write-http-from", "network", "A network whose requests may change something; the default is all.")
        flags.toggle("dev", "Starts a development agent: nothing is kept, everything is on loopback.")
        flags.value("dns-port", "port", "The port for DNS; 0 switches it off. The default is 8600.")
        flags.value("domain", "name", "The domain DNS answers for. The default is consul.")
        flags.toggle("enable-script-checks", "Lets checks run programs.")
        flags.toggle("enable-local-script-checks", "Lets checks that files define run programs.")
        flags.list("hcl", "fragment", "A piece of configuration as JSON, counted after files and flags.")
        flags.value("http-port", "port", "The port for HTTP; 0 switches it off. The default is 8500.")
        flags.value("log-file", "path", "A file, or a folder with a slash, that the log is written to as well.")
        flags.value("log-rotate-bytes", "bytes", "How large a log file becomes; 0 is no limit.")
        flags.value("log-rotate-duration", "duration", "How old a log file becomes. The default is 24h.")
        flags.value("log-rotate-max-files", "number", "Old log files to keep; 0, the default, is all, -1 is none.")
        flags.value("log-level", "level", "trace, debug, info, warn or err. The default is info, with -dev debug.")
        flags.toggle("log-json", "Writes the log as JSON.")
        flags.value("max-query-time", "duration", "How long a query blocks at most. The default is 600s.")
        flags.value("node", "name", "The node's name. The default is the host's.")
        flags.value("node-id", "uuid", "The node's id. The default is the one in the data folder, or a new one.")
        flags.list("node-meta", "key:value", "A fact about the node.")
        flags.value("pid-file", "path", "A file to write the process id to.")
        flags.list("recursor", "address", "A DNS server for other domains.")
        flags.toggle("server", "Accepted: this agent is always its own server.")
        flags.toggle("ui", "Accepted: this agent has no web pages.")
        for name in idleValues {
            flags.list(name, "value", "Accepted, and changes nothing: it concerns what this agent does not have.")
        }
        for name in idleToggles {
            flags.toggle(name, "Accepted, and changes nothing: it concerns what this agent does not have.")
        }
    }

    static func sources(_ flags: Flags) throws(AgentFault) -> ConfigurationSources {
        if !flags.arguments.isEmpty {
            throw AgentFault("config: Unknown extra arguments: [\(flags.arguments.joined(separator: " "))]")
        }
        var read = ConfigurationFlags()
        read.isDev = flags.isOn("dev")
        read.advertise = flags.text("advertise")
        read.advertiseWAN = flags.text("advertise-wan")
        read.bind = flags.text("bind")
        read.client = flags.text("client")
        read.dataDirectory = flags.text("data-dir")
        read.datacenter = flags.text("datacenter")
        read.dnsPort = try port(flags, "dns-port")
        read.domain = flags.text("domain")
        read.enablesScriptChecks = toggle(flags, "enable-script-checks")
        read.enablesLocalScriptChecks = toggle(flags, "enable-local-script-checks")
        read.fragments = try fragments(flags) + flags.texts("hcl")
        read.httpPort = try port(flags, "http-port")
        read.logLevel = flags.text("log-level")
        read.logsJSON = toggle(flags, "log-json")
        read.node = flags.text("node")
        read.nodeID = flags.text("node-id")
        read.nodeMeta = flags.texts("node-meta")
        read.pidFile = flags.text("pid-file")
        read.recursors = flags.texts("recursor")
        read.server = toggle(flags, "server")
        read.ui = toggle(flags, "ui")
        let paths = flags.texts(ofAny: "config-dir", "config-file")
        let idle = (idleValues + idleToggles).filter(flags.isGiven).sorted().map { "-\($0)" }
        return ConfigurationSources(paths: paths, flags: read, idleFlags: idle)
    }

    /// Flags that are files' keys and nothing more.
    private static func fragments(_ flags: Flags) throws(AgentFault) -> [String] {
        var keys = Object()
        if let text = flags.text("check_output_max_size") {
            guard let bytes = Int(text), bytes > 0 else {
                throw AgentFault("invalid value \"\(text)\" for flag -check_output_max_size: want a number of bytes")
            }
            keys.append("check_output_max_size", .number(bytes))
        }
        for (flag, key) in [
            ("default-query-time", "default_query_time"), ("max-query-time", "max_query_time"),
            ("alt-domain", "alt_domain"), ("log-file", "log_file"), ("log-rotate-duration", "log_rotate_duration"),
        ] {
            if let text = flags.text(flag) { keys.append(key, .string(text)) }
        }
        for (flag, key) in [("log-rotate-bytes", "log_rotate_bytes"), ("log-rotate-max-files", "log_rotate_max_files")]
        {
            guard let text = flags.text(flag) else { continue }
            guard let number = Int(text) else {
                throw AgentFault("invalid value \"\(text)\" for flag -\(flag): want a whole number")
            }
            keys.append(key, .number(number))
        }
        let networks = flags.texts("allow-write-http-from")
        if !networks.isEmpty {
            keys.append("http_config", .object(["allow_write_http_from": .strings(networks)]))
        }
        return keys.isEmpty ? [] : [String(decoding: Value.object(keys).bytes(), as: UTF8.self)]
    }

    private static func toggle(_ flags: Flags, _ name: String) -> Bool? {
        flags.isGiven(name) ? flags.isOn(name) : nil
    }

    private static func port(_ flags: Flags, _ name: String) throws(AgentFault) -> Int? {
        guard let text = flags.text(name) else { return nil }
        guard let number = Int(text), number <= 65535 else {
            throw AgentFault("invalid value \"\(text)\" for flag -\(name): want a port up to 65535, or 0 for none")
        }
        return number
    }
}
