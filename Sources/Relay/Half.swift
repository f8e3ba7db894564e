import Kernel
import TLS

/// One direction of a tunnel: bytes from a source leg to a sink leg, and what became of them.
public struct Half: ~Copyable {
    /// How bytes travel.
    public enum Path: UInt8, Sendable {
        /// Through the loop's scratch buffer.
        case copy
        /// Through a pipe inside the kernel.
        case splice
        /// Through TLS on at least one leg.
        case tls

        /// A word for logs.
        public var name: String {
            switch self {
            case .copy: "copy"
            case .splice: "splice"
            case .tls: "tls"
            }
        }
    }

    /// Bytes on their way inside the kernel.
    var pipe: Pipe?
    var pipeBytes = 0
    /// The reading end of `pipe`, valid while `pipeBytes` is not 0.
    var pipeReadEnd: Int32 = -1
    /// The path in use now.
    public internal(set) var path = Path.copy
    /// The source has said that it sends no more.
    public internal(set) var sourceEnded = false
    /// Everything was delivered and the sink was told the end, or the sink is gone.
    public internal(set) var isFinished = false
    /// Why the source or the sink stopped, if not in order.
    public internal(set) var failure: Failure?
    /// Application bytes handed to the sink, those included that still wait for it.
    public internal(set) var bytes: UInt64 = 0
    /// Those of `bytes` that were spliced.
    public internal(set) var splicedBytes: UInt64 = 0
    var bulkReads: UInt8 = 0
    var shortSplices: UInt8 = 0
    /// The source is not, or no longer, fit for splice(2).
    var neverSplices = false
    /// A copy of what passes is left in the resources' tap.
    var isTapped = false
    /// Whether bytes may go past us, inside the kernel.
    var maySplice: Bool { !neverSplices && !isTapped }
    /// Whether TLS records of this direction are to be given to the kernel.
    var handOver = HandOver.undecided
    /// Rounds since the kernel was asked how many records it has sealed.
    var roundsInKernel: UInt16 = 0

    /// Whether, and how far, a direction's records are the kernel's.
    enum HandOver: UInt8 {
        /// Not a stream of bulk yet.
        case undecided
        /// At the next boundary.
        case wanted
        /// Done, or as far as it can be done.
        case settled
    }

    /// A leg that failed, as seen by this direction.
    public struct Failure: Sendable, Equatable {
        /// Whether reading the source failed, else writing the sink.
        public let atSource: Bool
        /// What was wrong.
        public let cause: Cause
    }

    /// What can be wrong with a leg.
    public enum Cause: Sendable, Equatable {
        /// The kernel's word.
        case socket(Errno)
        /// The TLS session's word.
        case tls(TLSFault.Reason)
    }

    /// A direction in which nothing has moved.
    public init() {}

    /// Leaves a copy of what passes in `RelayResources.tapped` from now on, and does not splice meanwhile. To be called before
    /// the first byte.
    public mutating func beginTapping() { isTapped = true }

    /// Leaves no more copies in the tap; bulk may be spliced again.
    public mutating func stopTapping() { isTapped = false }

    /// Gives a pipe back; what was in it is lost.
    mutating func abandon(_ resources: inout RelayResources) {
        if let pipe = pipe.take() {
            resources.pipes.giveBack(pipe, isEmpty: pipeBytes == 0)
            pipeBytes = 0
        }
    }
}
