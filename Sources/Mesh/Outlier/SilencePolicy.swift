/// When an instance rests because it says nothing.
///
/// The kernel accepts for a program that has stopped, so connecting to it goes well and nothing ever comes back: no failure
/// shows it. An instance is suspected when a client has said something to it, nobody has heard from it since, and its peers
/// have answered meanwhile. Since it may as well think for long, it is asked: by a connection that says nothing and ends. A
/// program that runs closes it, whatever its protocol; a stopped one leaves it standing. Only then does it rest, and it is
/// back when that connection ends.
public struct SilencePolicy: Sendable, Hashable {
    /// It rests when it left the empty connection standing for so many times as long as 95 of 100 first answers take
    /// (`silence_factor`), at least 2; suspected after half of that.
    public var factor: UInt16
    /// Nanoseconds below which it does not rest (`silence_floor`); suspected after a tenth of that.
    public var floor: UInt64
    /// First answers of its peers in that time below which it does not rest.
    public var answers: UInt32

    /// A policy of these values.
    public init(factor: UInt16 = 10, floor: UInt64 = 500_000_000, answers: UInt32 = 10) {
        self.factor = max(2, factor)
        self.floor = floor
        self.answers = answers
    }
}
