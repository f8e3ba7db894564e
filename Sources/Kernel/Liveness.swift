import CWarren
import Glibc

/// How a connection is given up whose peer vanished without a word, with neither FIN nor RST: power lost, cable cut, a
/// firewall that forgot. TCP itself would keep an idle one for ever, and one with bytes on their way for a quarter of an hour.
public struct Liveness: Sendable, Equatable {
    /// Seconds without a byte from the peer after which the kernel asks whether he is there (TCP_KEEPIDLE, tcp(7)), up to
    /// 32,767; three questions without an answer, a third of this apart, end the connection with ETIMEDOUT. 0 never asks.
    public var keepalive: Int32
    /// Milliseconds that sent bytes, or questions, may stay unacknowledged, or the peer's window shut (TCP_USER_TIMEOUT,
    /// tcp(7)); 0 leaves that to the kernel's retransmissions (net.ipv4.tcp_retries2).
    public var userTimeout: Int32

    /// The given rules; none by default.
    public init(keepalive: Int32 = 0, userTimeout: Int32 = 0) {
        self.keepalive = keepalive
        self.userTimeout = userTimeout
    }
}

extension Socket {
    /// Lets the kernel find out whether the peer of a TCP socket still is there; what a listener is told, the sockets
    /// accepted from it inherit (setsockopt(2)).
    public static func set(_ liveness: Liveness, on descriptor: Int32) throws(Errno) {
        let tcp = Int32(IPPROTO_TCP)
        if liveness.keepalive > 0 {
            try checked(warren_set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1))
            try checked(warren_set_option(descriptor, tcp, TCP_KEEPIDLE, liveness.keepalive))
            try checked(warren_set_option(descriptor, tcp, TCP_KEEPINTVL, max(1, liveness.keepalive / 3)))
            // With a user timeout the kernel counts time instead of questions: one call less.
            if liveness.userTimeout == 0 { try checked(warren_set_option(descriptor, tcp, TCP_KEEPCNT, 3)) }
        }
        if liveness.userTimeout > 0 {
            try checked(warren_set_option(descriptor, tcp, TCP_USER_TIMEOUT, liveness.userTimeout))
        }
    }
}
