import CWarren

/// A system call's error number (errno(3)), as a value that is thrown.
public struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The number, positive.
    public let code: Int32

    /// The error of number `code`.
    public init(_ code: Int32) {
        self.code = code
    }

    /// The C library's sentence, for instance "Connection refused" (strerror(3)).
    public var description: String {
        var text = [CChar](repeating: 0, count: 128)
        warren_strerror(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
