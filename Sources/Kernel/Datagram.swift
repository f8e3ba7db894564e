import CWarren
import Glibc

/// Datagram sockets (udp(7)), nonblocking.
public enum Datagram {
    /// A socket that receives what is sent to `address`.
    public static func bind(to address: SocketAddress) throws(Errno) -> Descriptor {
        let socket = Descriptor(owning: try checked(warren_socket(address.family, Int32(SOCK_DGRAM.rawValue))))
        if address.family == AF_INET6 {
            try checked(warren_set_option(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1))
        }
        var storage = address.storage
        try checked(warren_bind(socket.raw, &storage, address.length))
        return socket
    }

    /// Takes one datagram (recvfrom(2)): its sender, and how many bytes of `buffer` it fills. `nil` when none waits, and
    /// for the errors that earlier answers to nobody leave behind.
    public static func receive(
        from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) -> (sender: SocketAddress, count: Int)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, buffer.baseAddress, buffer.count, 0, $0, &length)
            }
        }
        return count < 0 ? nil : (SocketAddress(storage: storage, length: length), count)
    }

    /// Sends one datagram (sendto(2)). One that cannot be sent now is lost, as datagrams may be.
    public static func send(_ bytes: [UInt8], from descriptor: Int32, to address: SocketAddress) {
        var storage = address.storage
        _ = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, address.length)
            }
        }
    }
}
