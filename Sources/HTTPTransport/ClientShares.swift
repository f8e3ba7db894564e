import Kernel

/// How many connections each client address has open.
struct ClientShares {
    private var counts: [SocketAddress: Int] = [:]

    /// What connections of one client have in common: the address without the port.
    static func key(_ peer: SocketAddress) -> SocketAddress {
        var address = peer
        address.port = 0
        return address
    }

    /// Counts one more connection of `client`, unless it has `limit` of them.
    mutating func take(_ client: SocketAddress, limit: Int) -> Bool {
        let count = counts[client, default: 0]
        if count >= limit { return false }
        counts[client] = count + 1
        return true
    }

    /// Counts one connection less.
    mutating func give(_ client: SocketAddress) {
        guard let count = counts[client] else { preconditionFailure("gave back what was not taken") }
        counts[client] = count == 1 ? nil : count - 1
    }
}
