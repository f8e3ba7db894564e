import CWarren

/// A system call's error number (errno(3)), as a value that is thrown.
public struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The number, positive.
    public let code: Int32

    /// The error of number `code`.
    @inlinable
    public init(_ code: Int32) {
        self.code = code
    }

    /// The C library's sentence, for instance "Connection refused" (strerror(3)).
    public var description: String {
        var text = [CChar](repeating: 0, count: 128)
        warren_strerror(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Operation not permitted.
    public static let notPermitted = Errno(1)
    /// No such file or directory.
    public static let noSuchFile = Errno(2)
    /// The call would have to wait; on Linux EWOULDBLOCK is the same number.
    public static let again = Errno(11)
    /// A TLS record that does not decrypt, told by the kernel that opens records.
    public static let badMessage = Errno(74)
    /// A TLS record longer than records can be, told by the same.
    public static let messageTooLong = Errno(90)
    /// An argument the call cannot take, for instance a socket that cannot be spliced.
    public static let invalid = Errno(22)
    /// Permission denied, for instance a port below 1024 without the capability for it.
    public static let accessDenied = Errno(13)
    /// The system's table of open files is full.
    public static let systemTableFull = Errno(23)
    /// This process may open no more descriptors.
    public static let processTableFull = Errno(24)
    /// No space left on the device.
    public static let noSpace = Errno(28)
    /// The reading end is gone.
    public static let brokenPipe = Errno(32)
    /// Another socket holds the address.
    public static let addressInUse = Errno(98)
    /// The host has no such address.
    public static let addressNotAvailable = Errno(99)
    /// The peer went away between two calls.
    public static let connectionAborted = Errno(103)
    /// The peer reset the connection.
    public static let connectionReset = Errno(104)
    /// No buffer space.
    public static let noBuffers = Errno(105)
    /// Nothing answered in time.
    public static let timedOut = Errno(110)
    /// Nobody listens there.
    public static let connectionRefused = Errno(111)
    /// A nonblocking connect(2) has begun.
    public static let inProgress = Errno(115)
}

/// Turns a shim's answer into a value or a thrown `Errno`: the funnel every call of this module goes through.
@inlinable
@discardableResult
func checked(_ result: Int32) throws(Errno) -> Int32 {
    if result < 0 { throw Errno(-result) }
    return result
}
