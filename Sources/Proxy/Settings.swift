import Kernel
import Mesh
import Relay
import TLS

/// How a route treats its connections. Times are nanoseconds; 0 switches a limit off where the text says so.
public struct RouteSettings: Sendable, Equatable {
    /// From accept to a verified client, on TLS listeners.
    public var handshakeTimeout: Nanoseconds = .seconds(10)
    /// From connect(2) to the target's answer, its TLS handshake included, for each target tried; then the next one gets
    /// its turn.
    public var connectTimeout: Nanoseconds = .seconds(5)
    /// Without a byte either way, while both directions are open; 0 never ends a tunnel for that.
    public var idleTimeout: Nanoseconds = 0
    /// Without a byte, once one side has ended: every byte starts it anew; 0 never.
    public var halfCloseTimeout: Nanoseconds = .seconds(60)
    /// How fast connections may come and move.
    public var shaping = ShapingSettings()
    /// Trouble made on purpose; expiries in nanoseconds since 1970.
    public var faults = FaultPlan()
    /// Who gets a copy of what clients send; `nil` for nobody.
    public var mirror: Mirror?
    /// Silence after which the kernel asks whether a peer on another machine still is there, on both legs; one that vanished
    /// is noticed after twice that time. Whole seconds, 32,767 at most; 0 never asks. The default notices within a minute,
    /// and costs an idle tunnel two small packets in it.
    public var keepalive: Nanoseconds = .seconds(30)
    /// How long a target on another machine may leave sent bytes unacknowledged, or its window shut, before the connection is
    /// given up; 0 leaves that to the kernel, a quarter of an hour. Only for the legs we dial, on which requests go: towards
    /// a client it would also end every download whose reader pauses (docs/decisions/0006).
    public var userTimeout: Nanoseconds = .seconds(120)
    /// At all; 0 never. A tunnel with a request under way is given up to 30 s more.
    public var longestLife: Nanoseconds = 0
    /// Up to how much of a hundred `longestLife` is shortened by at random, so that tunnels which began together do not end
    /// together.
    public var lifeJitterPercent = 10
    /// Whether a tunnel ends when the certificate does that its peer showed.
    public var endsWithCertificate = false

    /// The defaults.
    public init() {}
}

extension RouteSettings {
    /// What dialled sockets are told.
    var targetLiveness: Liveness {
        Liveness(keepalive: keepaliveSeconds, userTimeout: Int32(clamping: userTimeout / 1_000_000))
    }

    /// What listeners are told, and accepted sockets inherit.
    var clientLiveness: Liveness { Liveness(keepalive: keepaliveSeconds) }

    private var keepaliveSeconds: Int32 { Int32(clamping: (keepalive + 999_999_999) / 1_000_000_000) }
}

/// How a data loop works, whatever its routes.
public struct LoopSettings: Sendable {
    /// Connections that all loops of a plane hold at once; those beyond wait in the kernel's queue.
    public var maxConnections: Int = 8192
    /// TLS handshakes that all loops of a plane begin in a second, each its share of them; those beyond wait in the kernel's
    /// queue, so that no CPU is spent on them; 0 for no limit.
    public var maxHandshakesPerSecond: Int = 0
    /// Bytes that the connections with much to move may move in one turn of the loop, each way, taken together: large enough
    /// that a bulk stream alone loses nothing to the loop's round, small enough that a request beside many of them waits
    /// well under a millisecond.
    public var turnBudget: Int = 1 << 20
    /// The least of it that each of them gets, however many they are: half a pipe's worth, below which the calls for a block
    /// begin to show beside its bytes.
    public var leastShare: Int = 128 << 10
    /// When plain bulk leaves the copying path.
    public var splice: SplicePolicy = .auto
    /// Pipes that one loop may have lent out at once, two descriptors each.
    public var pipeLimit: Int = 64
    /// What may seal and open AES-GCM records of detached sessions.
    public var accelerator: TLSEngine.Accelerator = .automatic
    /// Shadows that one loop may have at once; further connections go uncopied, and are counted.
    public var shadowLimit: Int = 1024
    /// Accepted in one turn before others get theirs.
    public var acceptBudget: Int = 16
    /// Loops of the process; what all connections share is divided among them. The data plane sets it.
    public var workers: Int = 1

    /// The defaults.
    public init() {}

    /// What each of `streams` connections may move in a turn, each way, in bytes.
    func share(of streams: Int) -> Int { max(leastShare, turnBudget / max(1, streams)) }
}
