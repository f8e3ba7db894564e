import CWarren
import Glibc

/// Looks host names up (getaddrinfo(3)). The call blocks, so it never runs on a loop's thread.
public enum Resolver {
    /// Why a name has no address.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// The name that was looked up.
        public let host: String
        /// The C library's sentence, for instance "Name or service not known".
        public let reason: String
        /// The failure to look `host` up for this reason.
        public init(host: String, reason: String) {
            self.host = host
            self.reason = reason
        }

        /// Both, as one sentence.
        public var description: String { "cannot look up \"\(host)\": \(reason)" }
    }

    /// Every address of `name`, blocking the calling thread; an address in digits comes back as it is.
    public static func addresses(of name: EndpointName) throws(Failure) -> [SocketAddress] {
        guard case .host(let host, let port) = name else {
            if case .address(let address) = name { return [address] }
            return []
        }
        let capacity = 16
        var storages = [sockaddr_storage](repeating: sockaddr_storage(), count: capacity)
        var lengths = [socklen_t](repeating: 0, count: capacity)
        let count = warren_resolve(host, String(port), &storages, &lengths, Int32(capacity))
        if count < 0 {
            var text = [CChar](repeating: 0, count: 128)
            warren_resolve_error(count, &text, text.count)
            let reason = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw Failure(host: host, reason: reason)
        }
        return (0..<Int(count)).map { SocketAddress(storage: storages[$0], length: lengths[$0]) }
    }
}
