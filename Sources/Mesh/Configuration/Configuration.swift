import JSON

/// What files and flags say, merged and checked: everything the agent is told at its start.
package struct Configuration: Sendable, Hashable {
    package var isDev = false
    package var isServer = false
    package var dataDirectory = ""
    package var datacenter = "dc1"
    package var nodeName = ""
    /// Empty means: the one kept in the data directory, or a new one.
    package var nodeID = ""
    package var nodeMeta: [String: String] = [:]
    package var bindAddress = "0.0.0.0"
    package var advertiseAddress = ""
    package var advertiseWANAddress = ""
    package var clientAddresses = ["127.0.0.1"]
    package var httpAddresses: [String] = []
    package var dnsAddresses: [String] = []
    package var ports = Ports()
    package var domain = "consul."
    /// A second domain that DNS answers for; empty for none.
    package var altDomain = ""
    /// The node's addresses by what they are for, beside those the agent knows itself.
    package var taggedAddresses: [String: String] = [:]
    /// Who owns unix sockets of the API, and their mode.
    package var unixSockets = UnixSocketSettings()
    package var logLevel = "INFO"
    package var logsJSON = false
    package var logFile = LogFileSettings()
    package var pidFile = ""
    package var scriptChecks = ScriptChecks.off
    package var discardsCheckOutput = false
    package var checkUpdateInterval = Duration.seconds(300)
    package var checkOutputMaxSize = 4096
    package var leavesOnTerminate: Bool?
    package var skipsLeaveOnInterrupt: Bool?
    package var defaultQueryTime = Duration.seconds(300)
    package var maxQueryTime = Duration.seconds(600)
    package var connect = ConnectSettings()
    package var access = AccessSettings()
    package var dns = DNSSettings()
    package var http = HTTPSettings()
    package var recursors: [String] = []
    package var prometheusRetention = Duration.zero
    package var metricsPrefix = "consul"
    package var services: [ServiceDefinition] = []
    package var checks: [CheckDefinition] = []
    package var watches: [WatchDefinition] = []
    /// `config_entries.bootstrap`, each as written.
    package var configEntries: [Value] = []
    /// Sentences about keys that are accepted and change nothing here.
    package var remarks: [String] = []

    package init() {}

    /// Which script checks may run.
    package enum ScriptChecks: Sendable, Hashable {
        case off, filesOnly, all

        /// Whether a script may run that a file of the agent's names, or that a caller does.
        package func allow(fromFile: Bool) -> Bool { self == .all || fromFile && self == .filesOnly }
    }

    /// The addresses HTTP listens on.
    package var httpListenAddresses: [String] { httpAddresses.isEmpty ? clientAddresses : httpAddresses }

    /// The addresses DNS listens on.
    package var dnsListenAddresses: [String] { dnsAddresses.isEmpty ? clientAddresses : dnsAddresses }
}

/// The `ports` block; -1 is off.
package struct Ports: Sendable, Hashable {
    package var http = 8500
    package var https = -1
    package var dns = 8600
    package var grpc = -1
    package var serfLAN = 8301
    package var serfWAN = 8302
    package var server = 8300
    package var proxyMin = 20000
    package var proxyMax = 20255
    package var sidecarMin = 21000
    package var sidecarMax = 21255

    package init() {}
}

/// The `connect` block.
package struct ConnectSettings: Sendable, Hashable {
    package var isEnabled = false
    package var provider = "consul"
    package var caConfig = Object()
    /// Whether sidecars may be started as root. Consul's default is no; ours is yes, since the walkthrough runs as root.
    package var allowsManagedRoot = true
    package var allowsManagedRegistration = false
    /// Ours: whether the agent runs the sidecars of `connect.sidecar_service` blocks in files itself.
    package var managesSidecars = true
    package var defaultExecMode = ""
    package var daemonCommand: [String] = []
    package var proxyDefaults = Object()

    package init() {}
}

/// The `acl` block and the older keys for the same.
package struct AccessSettings: Sendable, Hashable {
    package var isEnabled = false
    /// "allow" or "deny".
    package var defaultPolicy = "allow"
    package var downPolicy = "extend-cache"
    /// Tokens by what they are for: "master", "agent", "agent_master", "default", "replication".
    package var tokens: [String: String] = [:]
    /// Ours: tokens with rules, since there is no endpoint to create them.
    package var statics: [StaticToken] = []

    package init() {}
}

/// A token and what it may do, from `acl.static_tokens`.
package struct StaticToken: Sendable, Hashable {
    package var secret: String
    package var description: String
    /// Rules in Consul's policy language, HCL or JSON.
    package var rules: String

    package init(secret: String, description: String, rules: String) {
        self.secret = secret
        self.description = description
        self.rules = rules
    }
}

/// The keys `log_file` and `log_rotate_*`.
package struct LogFileSettings: Sendable, Hashable {
    /// A file's path, or a folder; empty for no file.
    package var path = ""
    /// 0 is no limit.
    package var rotateBytes = 0
    /// Zero is a day.
    package var rotateDuration = Duration.zero
    /// Earlier files kept: 0 is all, -1 none.
    package var maxFiles = 0

    package init() {}
}

/// The `unix_sockets` block.
package struct UnixSocketSettings: Sendable, Hashable {
    /// A name or a number; empty leaves the process's own.
    package var user = ""
    package var group = ""
    /// Permission bits; `nil` leaves those of the server.
    package var mode: UInt16?

    package init() {}
}

/// The `dns_config` block.
package struct DNSSettings: Sendable, Hashable {
    package var onlyPassing = false
    package var nodeTTL = Duration.zero
    /// By service name; "*" stands for all.
    package var serviceTTL: [String: Duration] = [:]
    package var udpAnswerLimit = 3
    package var aRecordLimit = 0
    package var enablesTruncate = false
    package var disablesCompression = false
    /// Whether a node's meta goes with its address as TXT.
    package var nodeMetaTXT = true
    /// Times of the zone in seconds.
    package var soaRefresh = 3600
    package var soaRetry = 600
    package var soaExpire = 86400
    package var soaMinimum = 0

    package init() {}
}

/// The `http_config` block.
package struct HTTPSettings: Sendable, Hashable {
    package var blockedEndpoints: [String] = []
    package var responseHeaders: [String: String] = [:]
    package var connectionsPerClient = 200
    /// Networks from which requests may change anything; empty for all. A client at a unix socket's path may: that path
    /// has an owner and a mode.
    package var writeNetworks: [IPNetwork] = []
    /// Bytes of a request's head; 0 for the server's own limit.
    package var headerBytesMax = 0

    package init() {}
}
