import Kernel
import TLS

/// Why a tunnel ended.
public enum Ending: Sendable, Equatable {
    /// Both sides said that they were done, and everything was delivered.
    case complete
    /// A leg was reset or broke.
    case broken(Side, Errno)
    /// A leg's TLS failed: before the target was dialled, or in mid-stream.
    case tls(Side, TLSFault.Reason)
    /// A peer was verified, but is not who may connect, or not whom we wanted to reach.
    case refused(Side)
    /// A handshake did not come to its end in time.
    case handshakeTimeout(Side)
    /// Nothing moved for the idle timeout.
    case idle
    /// The longest life of a tunnel was over, or the certificate it was admitted by.
    case expired
    /// Its target had more than its share after others had joined, and nothing moved.
    case moved
    /// One side had ended, and the other did nothing for the half-close timeout.
    case halfClosed
    /// No target could be reached in time.
    case unreachable(Errno)
    /// No target was there to be tried.
    case noTarget
    /// Refused at once, because there were too many connections.
    case limited(Limit)
    /// A fault that was asked for.
    case injected
    /// The process is ending, and the drain's time was up.
    case drained

    /// Which limit was reached: of a route, or of one source of its connections.
    public enum Limit: UInt8, Sendable, CaseIterable {
        case connections, pending, rate, sourceConnections, sourcePending, sourceRate

        /// "limited-connections", "limited-source-rate".
        public var name: String {
            switch self {
            case .connections: "limited-connections"
            case .pending: "limited-pending"
            case .rate: "limited-rate"
            case .sourceConnections: "limited-source-connections"
            case .sourcePending: "limited-source-pending"
            case .sourceRate: "limited-source-rate"
            }
        }
    }

    /// A word for counters and logs.
    public var name: String {
        switch self {
        case .complete: "complete"
        case .broken(.front, _): "client-reset"
        case .broken(.back, _): "target-reset"
        case .tls(.front, let reason): "client-tls-\(reason)"
        case .tls(.back, let reason): "target-tls-\(reason)"
        case .refused(.front): "client-refused"
        case .refused(.back): "target-refused"
        case .handshakeTimeout(.front): "client-handshake-timeout"
        case .handshakeTimeout(.back): "target-handshake-timeout"
        case .idle: "idle-timeout"
        case .expired: "lifetime"
        case .moved: "moved"
        case .halfClosed: "half-close-timeout"
        case .unreachable(.timedOut): "connect-timeout"
        case .unreachable: "connect-failed"
        case .noTarget: "no-target"
        case .limited(let limit): limit.name
        case .injected: "fault-injected"
        case .drained: "drained"
        }
    }

    /// Whether this is how connections ordinarily end. Everything else is worth a look, and this is the one place that says so.
    public var isOrdinary: Bool {
        switch self {
        case .complete, .broken(.front, .connectionReset), .broken(.front, .brokenPipe), .idle, .expired,
            .moved:
            true
        case .broken, .tls, .refused, .handshakeTimeout, .halfClosed, .unreachable, .noTarget, .limited, .injected,
            .drained:
            false
        }
    }

    /// The side whose doing this is, where the ending alone tells.
    @usableFromInline
    var culprit: Side? {
        switch self {
        case .broken(let side, _), .tls(let side, .peerAlert), .tls(let side, .truncated): side
        case .unreachable(let error): error == .timedOut ? nil : .back
        case .complete, .tls, .refused, .handshakeTimeout, .idle, .expired, .moved, .halfClosed, .noTarget, .limited,
            .injected, .drained:
            nil
        }
    }

    /// The kernel's word, where there is one.
    public var error: Errno? {
        switch self {
        case .broken(_, let error), .unreachable(let error): error
        default: nil
        }
    }
}

/// What is known of a tunnel when it ends: one record for the access log and the counters.
public struct Farewell: Sendable {
    /// Why it ended.
    public var ending: Ending
    /// Bytes delivered from the client to the target.
    public var bytesForward: UInt64
    /// Bytes delivered from the target to the client.
    public var bytesBackward: UInt64
    /// Those of both that were spliced.
    public var bytesSpliced: UInt64
    /// Who was the first to end: "client", "target", or "warren" when neither had before we ended it.
    public var endedBy: String
    /// How bytes travelled from the client to the target; a direction that was ever spliced counts as that.
    public var pathForward: Half.Path
    /// The same from the target to the client.
    public var pathBackward: Half.Path
    /// From accept to the end.
    public var duration: Nanoseconds
    /// From accept to the target's answer; 0 when there was none.
    public var connectTime: Nanoseconds
    /// Targets tried.
    public var attempts: UInt8

    /// The record of `tunnel`, which ended so; times in nanoseconds.
    @inlinable
    public init(
        of tunnel: borrowing Tunnel, ending: Ending, duration: Nanoseconds, connectTime: Nanoseconds, attempts: UInt8
    ) {
        self.ending = ending
        bytesForward = tunnel.forward.bytes
        bytesBackward = tunnel.backward.bytes
        bytesSpliced = tunnel.forward.splicedBytes + tunnel.backward.splicedBytes
        switch tunnel.firstEnd ?? ending.culprit {
        case .front?: endedBy = "client"
        case .back?: endedBy = "target"
        case nil: endedBy = "warren"
        }
        pathForward = tunnel.forward.splicedBytes > 0 ? .splice : tunnel.forward.path
        pathBackward = tunnel.backward.splicedBytes > 0 ? .splice : tunnel.backward.path
        self.duration = duration
        self.connectTime = connectTime
        self.attempts = attempts
    }

    /// Both directions' paths, client to target and back: "copy/splice", "tls/tls"; "-" when no target was reached. Made when
    /// it is asked for: every connection has a farewell, and few of them are printed.
    public var path: String { connectTime == 0 ? "-" : "\(pathForward.name)/\(pathBackward.name)" }
}

extension Tunnel {
    /// How a tunnel whose two directions are finished has ended.
    public var ending: Ending {
        mutating get {  // As `standing`.
            if let failure = forward.failure { return Self.ending(failure, failure.atSource ? .front : .back) }
            if let failure = backward.failure { return Self.ending(failure, failure.atSource ? .back : .front) }
            return .complete
        }
    }

    private static func ending(_ failure: Half.Failure, _ side: Side) -> Ending {
        switch failure.cause {
        case .socket(let error): .broken(side, error)
        case .tls(let reason): .tls(side, reason)
        }
    }

    /// Whether exactly one direction is over.
    public var isHalfClosed: Bool {
        mutating get { forward.isFinished != backward.isFinished }  // As `standing`.
    }
}
