import Kernel
import Mesh
import Reactor
import Relay
import TLS

/// How long a tunnel may live at all: a longest life, shortened at random so that tunnels that began together do not end
/// together, and the end of the certificate that it was admitted by.
extension DataLoop {
    /// When a tunnel that is established now is over.
    func expiry(of connection: UnsafeMutablePointer<Connection>, _ settings: RouteSettings) -> Instant {
        var life = Nanoseconds.max
        if settings.longestLife > 0 {
            let jitter = settings.longestLife / 100 * UInt64(settings.lifeJitterPercent)
            life = settings.longestLife - (jitter > 0 ? random.next() % (jitter + 1) : 0)
        }
        if settings.endsWithCertificate {
            var facts = peers[connection.pointee.peer]
            if facts == nil { facts = connection.pointee.tunnel.back.session?.peer }
            if let facts { life = min(life, Self.remaining(until: facts.notAfter, now: Clock.realtime)) }
        }
        let (end, isNever) = loop.now.addingReportingOverflow(life)
        return isNever ? .max : end
    }

    /// Nanoseconds until a wall clock's moment in seconds since 1970; 0 when it has passed.
    static func remaining(until seconds: Int64, now: Int64) -> Nanoseconds {
        let (end, isFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !isFar else { return seconds > 0 ? .max : 0 }
        return end > now ? UInt64(end - now) : 0
    }

    /// How long a tunnel must have been quiet for its life to end at once, and for how long the end waits for such a moment:
    /// a request under way is let finish.
    private static let quiet: Nanoseconds = .seconds(1)
    private static let patience: Nanoseconds = .seconds(30)

    /// Whether a tunnel whose time is up ends now; else it is looked at again, at the returned moment.
    func waitsForQuiet(_ connection: borrowing Connection) -> Instant? {
        let quietAt = connection.lastActivity + Self.quiet
        let last = connection.expiresAt + Self.patience
        return quietAt <= loop.now || last <= loop.now ? nil : min(quietAt, last)
    }
}
