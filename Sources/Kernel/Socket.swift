import CWarren
import Glibc

/// Socket calls by name. Every socket made here is nonblocking and close-on-exec.
public enum Socket {
    /// The permissions of a unix socket's path unless more is said: its owner and group may connect.
    public static let sharedMode: UInt16 = 0o660

    /// How a listening socket is set up.
    public struct ListenOptions: Sendable {
        /// Whether other sockets may listen on the address too, one for each loop (SO_REUSEPORT, socket(7)).
        public enum Sharing: Sendable {
            /// None may.
            case never
            /// None listens there yet, and this process's further ones may from here on. SO_REUSEPORT alone would let another
            /// process of the same user in, and connections would go to either.
            case opens
            /// One of this process that `opens` does.
            case joins
        }

        /// Whether other sockets may listen on the address too.
        public var sharing: Sharing
        /// Wake only when the client has sent something (TCP_DEFER_ACCEPT, tcp(7)): right where the client speaks first,
        /// wrong for protocols whose server does.
        public var waitsForData: Bool
        /// Connections the kernel keeps until they are accepted; capped by net.core.somaxconn.
        public var backlog: Int32
        /// Permissions of a unix socket's path.
        public var mode: UInt16
        /// Who owns a unix socket's path; `nil` leaves the process's own.
        public var user: UInt32?
        /// The group of a unix socket's path; `nil` leaves the process's own.
        public var group: UInt32?
        /// How the connections' peers are watched; ignored where only this machine can connect.
        public var liveness: Liveness

        /// The given options; the defaults suit a server-first protocol on one loop.
        public init(
            sharing: Sharing = .never, waitsForData: Bool = false, backlog: Int32 = 4096,
            mode: UInt16 = Socket.sharedMode,
            liveness: Liveness = Liveness()
        ) {
            self.sharing = sharing
            self.waitsForData = waitsForData
            self.backlog = backlog
            self.mode = mode
            self.liveness = liveness
        }
    }

    /// A socket that listens on `address` (socket(2), bind(2), listen(2)). Accepted sockets inherit TCP_NODELAY and what
    /// `liveness` says, at no call of their own.
    ///
    /// A unix path that exists is taken over only when nobody answers on it.
    public static func listen(on address: SocketAddress, _ options: ListenOptions = .init()) throws(Errno) -> Descriptor
    {
        let socket = Descriptor(owning: try checked(warren_socket(address.family, Int32(SOCK_STREAM.rawValue))))
        var storage = address.storage
        if address.isUnix {
            try removeDeadPath(address)
            try checked(warren_bind(socket.raw, &storage, address.length))
            if options.user != nil || options.group != nil {
                // All ones leave an owner as it is (chown(2)). A path that the wrong people may open is worse than none.
                guard chown(address.host, options.user ?? .max, options.group ?? .max) == 0 else {
                    throw Errno(errno)
                }
            }
            _ = chmod(address.host, mode_t(options.mode))
        } else {
            try checked(warren_set_option(socket.raw, SOL_SOCKET, SO_REUSEADDR, 1))
            if options.sharing == .joins { try checked(warren_set_option(socket.raw, SOL_SOCKET, SO_REUSEPORT, 1)) }
            if address.family == AF_INET6 {
                try checked(warren_set_option(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1))
            }
            try checked(warren_set_option(socket.raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1))
            if options.waitsForData {
                try checked(warren_set_option(socket.raw, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, 1))
            }
            if !address.isLoopback { try set(options.liveness, on: socket.raw) }
            try checked(warren_bind(socket.raw, &storage, address.length))
        }
        try checked(warren_listen(socket.raw, options.backlog))
        if options.sharing == .opens, !address.isUnix {
            // Behind the listen(2): up to here the address was ours alone, or was refused.
            try checked(warren_set_option(socket.raw, SOL_SOCKET, SO_REUSEPORT, 1))
        }
        return socket
    }

    /// Claims a TCP port on every IPv4 address without listening (bind(2)): as long as the descriptor is open no other
    /// claim succeeds and the system gives the port to no outgoing connection, while a socket with SO_REUSEADDR, as
    /// `listen` makes them, may still listen there.
    ///
    /// Throws EADDRINUSE when anybody is on the port, if only a connection that ended a moment ago.
    public static func claim(port: UInt16) throws(Errno) -> Descriptor {
        let socket = Descriptor(owning: try checked(warren_socket(AF_INET, Int32(SOCK_STREAM.rawValue))))
        let address = SocketAddress(ipv4: (0, 0, 0, 0), port: port)
        var storage = address.storage
        try checked(warren_bind(socket.raw, &storage, address.length))
        // Behind the bind: before it, two claims would not see each other.
        try checked(warren_set_option(socket.raw, SOL_SOCKET, SO_REUSEADDR, 1))
        return socket
    }

    /// Lets a listener hand over clients that have not sent anything (TCP_DEFER_ACCEPT off, tcp(7)).
    public static func stopDeferring(_ listener: Int32) {
        _ = warren_set_option(listener, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, 0)
    }

    /// Has the kernel drop first packets of further clients (SO_ATTACH_FILTER, socket(7)), so that nobody comes into a queue
    /// that is about to be closed. Who is in it, or on the way into it, is not concerned; who is dropped asks again a second
    /// later, and finds whoever listens there then.
    public static func dropNewClients(of listener: Int32) throws(Errno) {
        try checked(warren_drop_new_clients(listener))
    }

    /// Changes who may connect to the path of a unix socket that listens (chmod(2)).
    public static func setMode(of address: SocketAddress, _ mode: UInt16) throws(Errno) {
        guard address.isUnix else { return }
        guard chmod(address.host, mode_t(mode)) == 0 else { throw Errno(errno) }
    }

    private static func removeDeadPath(_ address: SocketAddress) throws(Errno) {
        var status = stat()
        guard lstat(address.host, &status) == 0 else {
            // Not there, which is fine, or not to be seen, which bind(2) will say.
            return
        }
        // connect(2) answers ECONNREFUSED for files of any kind: only a socket may be taken over.
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .addressInUse }
        let probe = Descriptor(owning: try checked(warren_socket(AF_UNIX, Int32(SOCK_STREAM.rawValue))))
        var storage = address.storage
        switch warren_connect(probe.raw, &storage, address.length) {
        case -ECONNREFUSED: unlink(address.host)
        case -ENOENT: break
        case 0, -EAGAIN: throw .addressInUse
        case let result: throw Errno(-result)
        }
    }

    /// What accept4(2) came to.
    public enum Accepted: ~Copyable {
        /// A new connection and the peer's address.
        case connection(Descriptor, SocketAddress)
        /// Nobody waits.
        case wouldBlock
        /// This client is gone, the next may be fine (ECONNABORTED and the network errors of accept(2)).
        case skipped
        /// Descriptors or memory ran out, or the listener is broken.
        case failed(Errno)
    }

    /// Takes one waiting connection.
    public static func accept(from listener: Int32) -> Accepted {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = warren_accept(listener, &storage, &length)
        if result >= 0 {
            return .connection(Descriptor(owning: result), SocketAddress(storage: storage, length: length))
        }
        switch -result {
        case EAGAIN: return .wouldBlock
        case ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT:
            return .skipped
        default: return .failed(Errno(-result))
        }
    }

    /// Whether a connection waits at `listener`, or an error does (poll(2)). accept4(2) makes a socket and a file before it looks
    /// for one, so that finding nobody costs ten times this question.
    public static func isAwaited(_ listener: Int32) -> Bool { warren_is_readable(listener) != 0 }

    /// Begins to connect (connect(2)); writability, or an error event, tells the end of it. Peers on this machine are not
    /// watched by `liveness`: they cannot vanish without the kernel's noticing, and the calls would be paid for nothing.
    public static func connect(
        to address: SocketAddress, _ liveness: Liveness = Liveness()
    ) throws(Errno) -> Descriptor {
        let socket = Descriptor(owning: try checked(warren_socket(address.family, Int32(SOCK_STREAM.rawValue))))
        if !address.isUnix {
            try checked(warren_set_option(socket.raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1))
            if !address.isLoopback { try set(liveness, on: socket.raw) }
        }
        var storage = address.storage
        let result = warren_connect(socket.raw, &storage, address.length)
        if result < 0, result != -EINPROGRESS { throw Errno(-result) }
        return socket
    }

    /// How a connection attempt ended, or an error that arrived out of band (SO_ERROR); reading clears it.
    public static func pendingError(_ descriptor: Int32) -> Errno? {
        let result = warren_socket_error(descriptor)
        return result < 0 ? Errno(-result) : nil
    }

    /// Says "no more from us" and keeps reading (shutdown(2), SHUT_WR).
    @inlinable
    public static func shutdownWrite(_ descriptor: Int32) {
        // ENOTCONN means that the peer has reset meanwhile; the next read says so.
        _ = warren_shutdown_write(descriptor)
    }

    /// Lets go what TCP holds back for an end that does not come (TCP_NODELAY in tcp(7)): see `Bytes.sendLast`.
    public static func push(_ descriptor: Int32) {
        // Nothing is held back on sockets that do not know the option.
        _ = warren_set_option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Makes the close of `descriptor` a reset instead of an orderly end.
    @inlinable
    public static func resetOnClose(_ descriptor: Int32) {
        _ = warren_set_reset_on_close(descriptor)
    }

    /// The address `descriptor` is bound to (getsockname(2)).
    public static func localAddress(of descriptor: Int32) throws(Errno) -> SocketAddress {
        var storage = sockaddr_storage()
        var length: socklen_t = 0
        try checked(warren_local_address(descriptor, &storage, &length))
        return SocketAddress(storage: storage, length: length)
    }

    /// Keepalive probes after `idle` seconds, every `interval` seconds, `count` of them (tcp(7)).
    public static func setKeepalive(_ descriptor: Int32, idle: Int32, interval: Int32, count: Int32) throws(Errno) {
        try checked(warren_set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1))
        try checked(warren_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, idle))
        try checked(warren_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, interval))
        try checked(warren_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, count))
    }

    /// A connected pair of unix stream sockets (socketpair(2)), nonblocking: for tests and in-process links.
    public static func pair() throws(Errno) -> (Int32, Int32) {
        var ends: (Int32, Int32) = (0, 0)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let result = withUnsafeMutableBytes(of: &ends) {
            socketpair(AF_UNIX, type, 0, $0.assumingMemoryBound(to: Int32.self).baseAddress!)
        }
        if result < 0 { throw Errno(errno) }
        return ends
    }
}
