import CWarren
import Glibc

/// Where a socket listens or connects: IPv4, IPv6 or a unix path (ip(7), ipv6(7), unix(7)).
public struct SocketAddress: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// The kernel's form; only the first `length` bytes count.
    public private(set) var storage: sockaddr_storage
    /// How many bytes of `storage` count.
    public private(set) var length: socklen_t

    /// An address as the kernel gave it.
    public init(storage: sockaddr_storage, length: socklen_t) {
        self.storage = storage
        self.length = length
    }

    /// An IPv4 address of four bytes and a port.
    public init(ipv4 bytes: (UInt8, UInt8, UInt8, UInt8), port: UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: [bytes.0, bytes.1, bytes.2, bytes.3]) }
        self.init(copying: address)
    }

    /// An address in digits, "127.0.0.1" or "::1", with or without brackets; `nil` for anything else, host names included.
    public init?(ip text: String, port: UInt16) {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        var four = sockaddr_in()
        if inet_pton(AF_INET, bare, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            self.init(copying: four)
            return
        }
        var six = sockaddr_in6()
        if inet_pton(AF_INET6, bare, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            self.init(copying: six)
            return
        }
        return nil
    }

    /// A unix socket's path; `nil` when it is empty or longer than the kernel's 107 bytes.
    public init?(unixPath path: String) {
        let bytes = Array(path.utf8)
        var address = sockaddr_un()
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.init(copying: address)
    }

    private init<Form>(copying form: Form) {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: form) { target.copyMemory(from: $0) }
        }
        self.init(storage: storage, length: socklen_t(MemoryLayout<Form>.size))
    }

    /// AF_INET, AF_INET6 or AF_UNIX.
    public var family: Int32 { Int32(storage.ss_family) }

    /// Whether this is a path and not an internet address.
    public var isUnix: Bool { family == AF_UNIX }

    /// Whether this is an IPv4 address.
    public var isIPv4: Bool { family == AF_INET }

    /// The port of an internet address, 0 for a path; setting it on a path does nothing.
    public var port: UInt16 {
        get {
            switch family {
            case AF_INET: UInt16(bigEndian: reading(sockaddr_in.self).sin_port)
            case AF_INET6: UInt16(bigEndian: reading(sockaddr_in6.self).sin6_port)
            default: 0
            }
        }
        set {
            // sin_port and sin6_port stand at the same offset of 2.
            guard !isUnix else { return }
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The address in digits without the port, or the path.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch family {
        case AF_INET:
            var address = reading(sockaddr_in.self).sin_addr
            inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
        case AF_INET6:
            var address = reading(sockaddr_in6.self).sin6_addr
            inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
        default:
            return withUnsafeBytes(of: storage) { bytes in
                String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self)
            }
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        switch family {
        case AF_INET: withUnsafeBytes(of: storage) { $0[4] == 127 }
        case AF_INET6:
            // sin6_addr stands at offset 8 (ipv6(7)). ::1, or ::ffff:127.0.0.0/8; no text is made, each dial asks.
            withUnsafeBytes(of: storage) { bytes in
                let (high, low) = (
                    bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                )
                return high == 0 && (low == 1 || low >> 24 == 0xffff_7f)
            }
        default: true
        }
    }

    /// "127.0.0.1:80", "[::1]:80" or "unix:/path".
    public var description: String {
        switch family {
        case AF_INET: "\(host):\(port)"
        case AF_INET6: "[\(host)]:\(port)"
        default: "unix:\(host)"
        }
    }

    private func reading<Form>(_ form: Form.Type) -> Form {
        withUnsafeBytes(of: storage) { $0.loadUnaligned(as: form) }
    }

    /// Whether the bytes that count are the same.
    public static func == (left: SocketAddress, right: SocketAddress) -> Bool {
        left.significant == right.significant
    }

    /// Hashes the bytes that count.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(significant)
    }

    private var significant: [UInt8] {
        withUnsafeBytes(of: storage) { Array($0.prefix(Int(length))) }
    }
}
