import Kernel
import Log
import Mesh
import Proxy

/// The flags that `warren relay` and `warren tunnel` share, read and checked.
struct DataPlaneFlags {
    var listeners: [EndpointName] = []
    var targets: [EndpointName] = []
    var route = RouteSettings()
    var loop = LoopSettings()
    var workers = 1
    var drainTimeout: Nanoseconds = .seconds(30)
    var maxConnections = 8192
    var log: LogFlags
    var policy = BalancePolicy.leastConnections
    var clientLimits = ConnectLimits()
    var retry = RetryPolicy.exhaustive

    static func declare(_ flags: inout Flags) {
        flags.list("listen", "address", "Address to accept connections on.")
        flags.list(
            "target", "address",
            "Address to connect to. Of several, -balance says which gets the next connection; when one cannot be reached, the next is tried."
        )
        flags.value(
            "balance", "policy",
            "How a target is chosen: least_connections (the default), least_request (of two random ones the less connected), round_robin, random, or by the client's address or certificate: ring_hash, maglev."
        )
        flags.value(
            "max-connections-per-client", "number",
            "Connections of one client at once, known by its certificate or else by its address; more are refused. The default is 0, any number."
        )
        flags.value(
            "max-lifetime", "duration",
            "Ends a connection this old, up to a tenth earlier at random and up to 30s later while it is busy. The default is 0, never."
        )
        flags.value(
            "workers", "number|auto",
            "Data loops, each a thread of its own; auto means one for each processor. The default is 1.")
        flags.value("connect-timeout", "duration", "How long one target may take to accept. The default is 5s.")
        flags.value(
            "attempts", "number", "Targets that one connection is tried with at the most, 1 to 8. The default is 8.")
        flags.value(
            "attempts-deadline", "duration",
            "How long all attempts of one connection may take together. The default is 0, as long as each may by itself."
        )
        flags.value(
            "idle-timeout", "duration", "Ends a connection on which nothing moved for so long. The default is 0, never."
        )
        flags.value("half-close-timeout", "duration", "The same, once one side has ended. The default is 1m.")
        flags.value(
            "keepalive", "duration",
            "Silence after which the kernel asks whether a peer on another machine still is there; one that vanished is noticed after twice that time. 0 never asks. The default is 30s."
        )
        flags.value(
            "user-timeout", "duration",
            "How long a target on another machine may leave bytes unacknowledged, or take none, before the connection is given up. 0 leaves that to the kernel. The default is 2m."
        )
        flags.value(
            "max-connections", "number",
            "Connections held at once; more wait in the kernel's queue. The default is 8192.")
        flags.value("drain-timeout", "duration", "How long connections may finish after SIGTERM. The default is 30s.")
        ConditionFlags.declare(&flags)
        flags.value("log-level", "level", "trace, debug, info, warn or error. The default is info.")
        flags.toggle("log-json", "Writes the log as JSON.")
        flags.value(
            "access-log", "path", "Writes a line for each connection that ends to this file; - is standard output.")
    }

    init(_ flags: Flags) throws(Flags.Misuse) {
        if let extra = flags.arguments.first {
            throw Flags.Misuse(
                description: "unexpected argument \"\(extra)\"; addresses are given with -listen and -target")
        }
        listeners = try Self.endpoints(flags, "listen", wildcard: true)
        targets = try Self.endpoints(flags, "target", wildcard: false)
        route.connectTimeout = try flags.duration("connect-timeout", default: route.connectTimeout)
        if route.connectTimeout == 0 { throw Flags.Misuse(description: "-connect-timeout must be more than 0") }
        retry.attempts = try flags.number("attempts", in: 1...8, default: retry.attempts)
        retry.deadline = try flags.duration("attempts-deadline", default: retry.deadline)
        route.idleTimeout = try flags.duration("idle-timeout", default: route.idleTimeout)
        route.halfCloseTimeout = try flags.duration("half-close-timeout", default: route.halfCloseTimeout)
        try ConditionFlags.read(flags, into: &route)
        route.keepalive = try Self.liveness(flags, "keepalive", from: .seconds(1), default: route.keepalive)
        route.userTimeout = try Self.liveness(flags, "user-timeout", from: .milliseconds(1), default: route.userTimeout)
        route.longestLife = try flags.duration("max-lifetime", default: route.longestLife)
        if let word = flags.text("balance") {
            guard let choice = BalancePolicy(word: word) else {
                let words = BalancePolicy.allCases.map(\.word).joined(separator: ", ")
                throw Flags.Misuse(description: "invalid value \"\(word)\" for -balance: want one of \(words)")
            }
            policy = choice
        }
        let most = try flags.number("max-connections-per-client", in: 0...10_000_000, default: 0)
        if most > 0 { clientLimits.connections = UInt32(most) }
        drainTimeout = try flags.duration("drain-timeout", default: drainTimeout)
        maxConnections = try flags.number("max-connections", in: 1...10_000_000, default: maxConnections)
        if let text = flags.text("workers") {
            guard let count = text == "auto" ? Limits.processors : Int(text), (1...256).contains(count) else {
                throw Flags.Misuse(
                    description: "invalid value \"\(text)\" for -workers: want a whole number from 1 to 256, or auto")
            }
            workers = count
        }
        log = try LogFlags(flags)
    }

    /// What the kernel takes: TCP_KEEPIDLE up to 32,767 s (tcp(7)); the same bound for the other, which nobody needs longer.
    private static func liveness(
        _ flags: Flags, _ name: String, from lowest: Nanoseconds, default fallback: Nanoseconds
    ) throws(Flags.Misuse) -> Nanoseconds {
        let time = try flags.duration(name, default: fallback)
        guard time == 0 || (lowest ... .seconds(32_767)).contains(time) else {
            throw Flags.Misuse(
                description: "invalid value \"\(flags.text(name) ?? "")\" for -\(name): want 0 or "
                    + "\(lowest == .seconds(1) ? "1s" : "1ms") to 9h")
        }
        return time
    }

    /// To these targets, as the flags say.
    func plan(_ name: String, _ targets: [Target]) -> RoutePlan {
        RoutePlan(
            Cluster(name, targets, policy: policy), retry: retry, sourceLimits: clientLimits,
            hashSource: .identity)
    }

    private static func endpoints(_ flags: Flags, _ name: String, wildcard: Bool) throws(Flags.Misuse) -> [EndpointName]
    {
        let texts = flags.texts(name)
        guard !texts.isEmpty else {
            throw Flags.Misuse(
                description: "-\(name) is required: give an address, for instance -\(name) 127.0.0.1:8080")
        }
        var endpoints: [EndpointName] = []
        for text in texts {
            do throws(EndpointName.Malformed) {
                endpoints.append(try EndpointName(parsing: text, wildcard: wildcard))
            } catch {
                throw Flags.Misuse(description: "invalid value \"\(text)\" for -\(name): \(error)")
            }
        }
        return endpoints
    }
}
