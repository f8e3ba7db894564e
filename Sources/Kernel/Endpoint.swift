/// Where a person says to listen or connect, before names are looked up: "HOST:PORT", ":PORT", "[::1]:PORT" or "unix:PATH".
public enum EndpointName: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// Digits or a path: ready for the kernel.
    case address(SocketAddress)
    /// A host name to look up off the loop (`Resolver`), and a port.
    case host(String, port: UInt16)

    /// What is wrong with a text, as a sentence for the person who wrote it.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Reads `text`; an empty host stands for every address when `wildcard` is given ("0.0.0.0"), else for 127.0.0.1.
    public init(parsing text: String, wildcard: Bool = false) throws(Malformed) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard let address = SocketAddress(unixPath: path) else {
                throw Malformed(description: path.isEmpty ? "unix: needs a path" : "unix path is longer than 107 bytes")
            }
            self = .address(address)
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw Malformed(description: "\"\(text)\" has no port; write HOST:PORT, [IPV6]:PORT or unix:PATH")
        }
        let host = String(text[..<colon])
        let digits = text[text.index(after: colon)...]
        guard let port = UInt16(digits), digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw Malformed(description: "port \"\(digits)\" is not a number from 0 to 65535")
        }
        if host.isEmpty {
            self = .address(SocketAddress(ipv4: wildcard ? (0, 0, 0, 0) : (127, 0, 0, 1), port: port))
        } else if let address = SocketAddress(ip: host, port: port) {
            self = .address(address)
        } else if host.contains(":") {
            throw Malformed(description: "\"\(host)\" is not an IPv6 address; write it in brackets, [::1]:PORT")
        } else if Self.isHostName(host) {
            self = .host(host, port: port)
        } else {
            throw Malformed(description: "\"\(host)\" is neither an IP address nor a host name")
        }
    }

    /// RFC 1123, section 2.1, with the underscore that service names use.
    private static func isHostName(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).enumerated().allSatisfy { index, label in
                let isRootDot = label.isEmpty && index > 0 && text.hasSuffix(".")
                return isRootDot
                    || (1...63).contains(label.utf8.count)
                        && label.utf8.allSatisfy { byte in
                            byte == 0x2d || byte == 0x5f || (0x30...0x39).contains(byte)
                                || (0x61...0x7a).contains(byte | 0x20)
                        }
            }
    }

    /// The text form that reads back to the same value.
    public var description: String {
        switch self {
        case .address(let address): address.description
        case .host(let host, let port): "\(host):\(port)"
        }
    }
}
