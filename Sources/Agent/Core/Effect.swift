import Mesh

/// What the shell is to do. Nothing waits for it: results come back as events.
package enum Effect: Sendable, Hashable {
    /// Run this check from now on. `generation` comes back with each result, so that news of an old run is dropped.
    case startCheck(id: String, generation: UInt64, CheckRun)
    case stopCheck(id: String)
    /// Start this sidecar or, if one of that id runs with another specification, replace it.
    case startSidecar(SidecarSpec)
    case stopSidecar(id: String)
    /// Keep this for the next start. An answer that comes with it is sent only after it is kept.
    case persist(Persisted)
    case log(LogLevel, String)
}

/// How bad a log line is, in Consul's words.
package enum LogLevel: String, Sendable, Hashable, CaseIterable, Comparable {
    case trace = "TRACE"
    case debug = "DEBUG"
    case info = "INFO"
    case warn = "WARN"
    case error = "ERROR"

    /// Consul's names in any case; "ERR" is the 1.2 one.
    package init?(name: String) {
        let upper = name.uppercased()
        self.init(rawValue: upper == "ERR" ? "ERROR" : upper)
    }

    package static func < (a: LogLevel, b: LogLevel) -> Bool {
        (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
}

/// A check that needs the outside.
package struct CheckRun: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case tcp(String)
        case http(
            url: String, method: String, header: [String: [String]], body: String, skipVerify: Bool,
            serverName: String, redirects: Bool)
        case script([String])
    }

    package var kind: Kind
    package var interval: Duration
    package var timeout: Duration
    /// Bytes of output kept.
    package var outputLimit: Int
    /// How long until the first run.
    package var delay: Duration

    /// A run of these parts.
    package init(kind: Kind, interval: Duration, timeout: Duration, outputLimit: Int, delay: Duration) {
        self.kind = kind
        self.interval = interval
        self.timeout = timeout
        self.outputLimit = outputLimit
        self.delay = delay
    }
}

/// A sidecar that the agent runs.
package struct SidecarSpec: Sendable, Hashable {
    /// The id of the proxy's own service.
    package var id: String
    /// Arguments after this program's name, or a whole command if it names one.
    package var command: [String]
    /// The token the sidecar shows to the agent.
    package var token: String

    /// A specification of these parts.
    package init(id: String, command: [String], token: String) {
        self.id = id
        self.command = command
        self.token = token
    }
}

/// What outlives the process.
package enum Persisted: Sendable, Hashable {
    /// An API registration as JSON, or nothing when it is gone.
    case service(id: String, [UInt8]?)
    case check(id: String, [UInt8]?)
    /// A TTL check's last word, so that a restart does not make it critical.
    case checkState(id: String, [UInt8]?)
    /// The token and port of a sidecar, so that a restart re-adopts it.
    case sidecar(id: String, [UInt8]?)
    /// The index counter.
    case index(UInt64)
    /// An intention as JSON, or nothing when it is gone.
    case intention(id: String, [UInt8]?)
    /// A config entry as JSON, or nothing when it is gone; intentions are kept one by one instead.
    case configEntry(kind: String, name: String, [UInt8]?)
    /// An entry of another node in the catalog, as the body of `/v1/catalog/register` that makes it, or nothing when it
    /// is gone.
    case catalog(CatalogPlace, [UInt8]?)
    /// The certificate authority's state.
    case authority([UInt8])
}
