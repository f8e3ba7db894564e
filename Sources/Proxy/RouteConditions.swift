import Kernel
import Mesh

/// What one loop does to a route's connections beside relaying them. Routes without such wishes have none.
final class RouteConditions {
    /// This loop's share of the limits.
    let shaping: ShapingSettings
    /// Faults, their expiries on the loop's clock.
    let faults: FaultPlan
    /// Who gets a copy of what clients send.
    let mirror: Mirror?
    /// What all of the route's connections go through.
    var meters = LoopShaper.Meters()
    /// Whether connections are taken no faster than the route's gate allows.
    var pacesAccepts: Bool { shaping.connectionsPerSecond != nil }

    /// What it was made of.
    let wishes: Wishes

    /// The part of a route's settings that this is about.
    struct Wishes: Equatable {
        let shaping: ShapingSettings
        let faults: FaultPlan
        let mirror: Mirror?

        init(_ settings: RouteSettings) {
            (shaping, faults, mirror) = (settings.shaping, settings.faults, settings.mirror)
        }
    }

    init?(_ settings: RouteSettings, workers: Int, now: Instant) {
        guard settings.shaping != ShapingSettings() || !settings.faults.rules.isEmpty || settings.mirror != nil else {
            return nil
        }
        wishes = Wishes(settings)
        shaping = settings.shaping.share(of: workers)
        faults = settings.faults.onClock(wall: Clock.realtime, clock: now)
        mirror = settings.mirror
    }
}

/// A shadow: it gets a copy of what clients send, and what it says is dropped. Nothing about it touches the clients.
public struct Mirror: Sendable, Hashable {
    /// Where it listens, in plain TCP; the local port of another upstream leads into the mesh.
    public var address: SocketAddress
    /// How many of a hundred connections are copied.
    public var percent: Double

    /// A shadow at `address`.
    public init(_ address: SocketAddress, percent: Double = 100) {
        self.address = address
        self.percent = percent
    }
}
