import CWarren

/// A pipe whose pages carry spliced bytes between two sockets (pipe(7), splice(2)).
public struct Pipe: ~Copyable {
    /// The reading end's number.
    public let readEnd: Int32
    /// The writing end's number.
    public let writeEnd: Int32
    /// How many bytes the kernel granted; fewer than asked when the user's share of pipe pages is used up.
    public let capacity: Int

    /// A pipe of about `capacity` bytes, nonblocking.
    public init(capacity: Int) throws(Errno) {
        var ends: (Int32, Int32) = (-1, -1)
        let granted = try checked(
            withUnsafeMutableBytes(of: &ends) {
                warren_pipe($0.assumingMemoryBound(to: Int32.self).baseAddress!, Int32(capacity))
            })
        (readEnd, writeEnd) = ends
        self.capacity = Int(granted)
    }

    deinit {
        warren_close(readEnd)
        warren_close(writeEnd)
    }
}
