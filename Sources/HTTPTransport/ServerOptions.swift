import HTTP
import Kernel

/// How a server behaves towards its clients.
public struct ServerOptions: Sendable {
    /// Limits of requests.
    public var limits = ParserLimits.server
    /// From a request's first byte, or from the connection for the first request, to the end of its head. Not prolonged
    /// by bytes that trickle in, so a client cannot hold a connection by sending slowly.
    public var headTimeout: Nanoseconds = .seconds(10)
    /// From the end of a head to the end of its body; not prolonged either.
    public var bodyTimeout: Nanoseconds = .seconds(60)
    /// From an answer to the next request's first byte. Consul's clients keep connections for 90 seconds.
    public var idleTimeout: Nanoseconds = .seconds(120)
    /// For the next 16 KiB, or what is left, to be taken by a client that reads slowly.
    public var writeTimeout: Nanoseconds = .seconds(30)
    /// From our last byte to the client's, when the connection ends with an answer.
    public var lingerTimeout: Nanoseconds = .seconds(2)
    /// Connections at one time; one more is answered 503 and closed. 0: no limit of ours.
    public var connections = 0
    /// Connections at one time that are beyond a limit and stay until their client has read why; more are just closed.
    public var refusals = 64
    /// Connections of one client address at one time; one more is answered 429 and closed, as Consul does with
    /// `limits.http_max_conns_per_client`, whose default this is. 0: no limit. Unix sockets have no client address.
    public var connectionsPerClient = 200
    /// The 429's body; nil for a sentence that names the client's address and the limit.
    public var clientRefusalText: String?
    /// Bodies of fewer bytes are not compressed.
    public var compressedBytesMin = 1400
    /// Unsent bytes at which a connection's next requests wait and a stream says that it is full.
    public var outputBytesHigh = 256 << 10
    /// Unsent bytes at which a stream's client is given up.
    public var outputBytesMax = 4 << 20

    /// The defaults.
    public init() {}
}

/// What a server has done and has open.
public struct ServerCounters: Sendable, Equatable {
    /// Connections accepted and served.
    public var accepted: UInt64 = 0
    /// Connections answered 429 because their client had its share.
    public var refusedForClient: UInt64 = 0
    /// Connections answered 503 because the server had its fill.
    public var refusedForAll: UInt64 = 0
    /// Times accept(2) failed for want of descriptors or memory.
    public var acceptFailures: UInt64 = 0
    /// Requests given to the handler.
    public var requests: UInt64 = 0
    /// Requests refused because they were malformed or over a limit.
    public var malformed: UInt64 = 0
    /// Connections ended because the client was too slow.
    public var timedOut: UInt64 = 0
    /// Requests whose client went away before the answer.
    public var cancelled: UInt64 = 0

    /// Nothing done yet.
    public init() {}
}
