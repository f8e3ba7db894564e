import Kernel
import Mesh
import Reactor
import Relay

/// One accepted connection from accept to farewell: what sits in the loop's slab.
struct Connection: ~Copyable {
    enum Phase: UInt8 {
        /// The client's TLS handshake.
        case handshakingFront
        /// The client is verified, and whether it may connect is being asked for.
        case deciding
        /// A fault keeps the target from being dialled.
        case delayed
        /// A fault has taken the target away; the client is not told.
        case stranded
        /// A target is being connected.
        case dialling
        /// The target's TLS handshake.
        case handshakingBack
        /// Bytes flow.
        case relaying
        /// Behind the target was nobody; the next one is dialled when the turn ends.
        case beginningAgain
        /// A side was reset; the other is reset too as soon as it has taken what was sent to it.
        case resetting
        /// The client was told no; what it still sends is dropped, so that the word reaches it.
        case lingering
    }

    /// Whether a circuit breaker counts a connection.
    enum GateState: UInt8 {
        case outside, pending, established
    }

    /// Why no further target is tried.
    enum GaveUp: UInt8 {
        /// One was reached, or nothing was tried.
        case not
        /// There was none left that had not been tried.
        case noneLeft
        /// As many were tried as may be.
        case attempts
        /// All attempts together took too long.
        case deadline
        /// So many connections had to be tried again lately that this one was not.
        case budget

        var word: String {
            switch self {
            case .not: "-"
            case .noneLeft: "none-left"
            case .attempts: "attempts"
            case .deadline: "deadline"
            case .budget: "budget"
            }
        }
    }

    var tunnel: Tunnel
    var phase = Phase.dialling
    /// Whether the loop's ready list holds this connection.
    var isQueued = false
    /// Facts in one byte, since half a kilobyte is what a connection may have. The compiler counts the bits: two facts never
    /// share one.
    var marks: UInt8 = 0
    private enum Mark: UInt8 {
        case halfClosed, kept, keeping, backHedge, surplus, waiting, inquiry
    }
    private subscript(_ mark: Mark) -> Bool {
        get { marks & 1 << mark.rawValue != 0 }
        set { marks = newValue ? marks | 1 << mark.rawValue : marks & ~(1 << mark.rawValue) }
    }
    /// Whether the half-close deadline has taken the idle deadline's place.
    var isHalfClosed: Bool {
        get { self[.halfClosed] }
        set { self[.halfClosed] = newValue }
    }
    /// Whether it was counted as a tunnel that goes on although its peer is no longer admitted.
    var isKept: Bool {
        get { self[.kept] }
        set { self[.kept] = newValue }
    }
    /// Whether what the client says is kept for another target.
    var isKeeping: Bool {
        get { self[.keeping] }
        set { self[.keeping] = newValue }
    }
    /// Whether the back leg began as a second attempt beside another: then its events say so.
    var isBackHedge: Bool {
        get { self[.backHedge] }
        set { self[.backHedge] = newValue }
    }
    /// Whether its target may have more than its share since others have joined.
    var isSurplus: Bool {
        get { self[.surplus] }
        set { self[.surplus] = newValue }
    }
    /// Whether its client has spoken, and the target has yet to say its first word.
    var isWaiting: Bool {
        get { self[.waiting] }
        set { self[.waiting] = newValue }
    }
    /// Whether it is ours, and empty: to see whether the target is alive.
    var isInquiry: Bool {
        get { self[.inquiry] }
        set { self[.inquiry] = newValue }
    }
    /// Whether the route's circuit breaker counts this connection, and as what.
    var gate = GateState.outside
    /// Why the present target was chosen.
    var pickedBy = RouteState.Reason.policy
    /// Whether this connection tries out an instance that had rested.
    var isProbe = false
    /// Whether the balancer was told how the present target did.
    var isJudged = false
    /// Why no further target was tried.
    var gaveUp = GaveUp.not
    let route: UInt16
    /// Which of the route's splits was drawn.
    var split: UInt16 = 0
    /// Index in the route's clusters; the present target is one of that one's.
    var cluster: UInt16 = 0
    /// The client's place in the loop's table of peers; -1 without TLS.
    var peer: Int32 = -1
    /// Slot in the cluster's target table; -1 before the first dial.
    var target: Int32 = -1
    /// The targets this connection was tried with, the present one included.
    var tried = Attempts()
    var timer = TimerID.none
    /// The place in the loop's table of those shaped, copied or with a fault; -1 for the others.
    var special: Int32 = -1
    let acceptedAt: Instant
    var establishedAt: Instant = 0
    /// When a byte moved last; before the target is reached, when the present attempt began.
    var lastActivity: Instant
    /// When all attempts together have taken too long; of a tunnel, when its life is over.
    var expiresAt: Instant = .max
    /// When a tunnel that is no longer admitted is reset.
    var cutAt: Instant = .max
    let client: PeerAddress
    /// Why a lingering connection was refused, or why the last target failed.
    var lastEnding = Ending.noTarget
}

/// A peer's address in 20 bytes instead of the kernel's 128.
struct PeerAddress: CustomStringConvertible {
    private let bytes: (UInt64, UInt64)
    private let port: UInt16
    private let family: UInt8

    init(_ address: SocketAddress) {
        family = UInt8(truncatingIfNeeded: address.family)
        port = address.port
        var packed: (UInt64, UInt64) = (0, 0)
        // sin_addr stands at offset 4, sin6_addr at 8 (ip(7), ipv6(7)).
        let (offset, count) = address.family == 2 ? (4, 4) : address.family == 10 ? (8, 16) : (0, 0)
        withUnsafeMutableBytes(of: &packed) { target in
            withUnsafeBytes(of: address.storage) {
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
            }
        }
        bytes = packed
    }

    /// The address without the port, as a number for balancing and limits.
    var hash: UInt64 {
        withUnsafeBytes(of: bytes) { BalanceHash.of($0) }
    }

    /// The address without its port.
    var host: String {
        let text = description
        guard family != 1, let colon = text.lastIndex(of: ":") else { return text }
        return String(text[..<colon].filter { $0 != "[" && $0 != "]" })
    }

    /// Whether it came over a unix socket (AF_UNIX is 1).
    var isUnix: Bool { family == 1 }

    var description: String {
        switch family {
        case 2:
            withUnsafeBytes(of: bytes) { "\($0[0]).\($0[1]).\($0[2]).\($0[3]):\(port)" }
        case 10:
            withUnsafeBytes(of: bytes) { packed in
                let groups = stride(from: 0, to: 16, by: 2).map { UInt16(packed[$0]) << 8 | UInt16(packed[$0 + 1]) }
                let text = groups.map { String($0, radix: 16) }.joined(separator: ":")
                return SocketAddress(ip: text, port: port)?.description ?? "[\(text)]:\(port)"
            }
        default: "unix"
        }
    }
}
