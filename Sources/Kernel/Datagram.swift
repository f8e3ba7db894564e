import CWarren
import Glibc

/// Datagram sockets (udp(7)), nonblocking.
public enum Datagram {
    /// Where a datagram came from and where it was sent to: an answer goes the same way back.
    public struct Way {
        /// The sender.
        public let sender: SocketAddress
        fileprivate var origin: warren_origin
    }

    /// A socket that receives what is sent to `address`.
    public static func bind(to address: SocketAddress) throws(Errno) -> Descriptor {
        let socket = Descriptor(owning: try checked(warren_socket(address.family, Int32(SOCK_DGRAM.rawValue))))
        if address.family == AF_INET6 {
            try checked(warren_set_option(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1))
        }
        try checked(warren_datagram_tell_origin(socket.raw, address.family))
        var storage = address.storage
        try checked(warren_bind(socket.raw, &storage, address.length))
        return socket
    }

    /// Takes one datagram (recvmsg(2)): its way, and how many bytes of `buffer` it fills. `nil` when none waits, and for
    /// the errors that earlier answers to nobody leave behind.
    public static func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) -> (way: Way, count: Int)? {
        var storage = sockaddr_storage()
        var length: socklen_t = 0
        var origin = warren_origin()
        let count = warren_datagram_receive(
            descriptor, buffer.baseAddress, buffer.count, &storage, &length, &origin)
        guard count >= 0 else { return nil }
        return (Way(sender: SocketAddress(storage: storage, length: length), origin: origin), count)
    }

    /// Sends one datagram back (sendmsg(2)), from the address that the other was sent to. One that cannot be sent now is
    /// lost, as datagrams may be.
    public static func send(_ bytes: [UInt8], from descriptor: Int32, back way: Way) {
        var storage = way.sender.storage
        var origin = way.origin
        _ = warren_datagram_send(descriptor, bytes, bytes.count, &storage, way.sender.length, &origin)
    }
}
