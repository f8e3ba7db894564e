import Mesh

/// The time as the shell tells it; the core has no clock of its own, so that tests run on virtual time.
package struct Now: Sendable, Hashable {
    /// Nanoseconds since some fixed moment, never going back: for deadlines.
    package var ticks: Int64
    /// Nanoseconds since 1970-01-01 00:00 UTC: for what is shown or signed.
    package var wall: Int64

    package init(ticks: Int64, wall: Int64) {
        self.ticks = ticks
        self.wall = wall
    }

    /// This moment moved by `duration`.
    package func advanced(by duration: Duration) -> Now {
        Now(ticks: ticks &+ duration.nanoseconds, wall: wall &+ duration.nanoseconds)
    }
}
