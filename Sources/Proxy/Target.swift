import Kernel
import Mesh
import TLS

/// A place to dial, and whom to expect there.
public struct Target: Sendable, Equatable {
    /// Where.
    public var address: SocketAddress
    /// How the person who named it wrote it, for logs.
    public var name: String
    /// SNI to send; `nil` sends none.
    public var serverName: String?
    /// Whose certificate must answer. Only asked where the route's `back` is set.
    public var expectation: PeerExpectation
    /// What it is known by while addresses and weights change: distinct within a cluster.
    public var key: UInt64
    /// Its share of connections among the others', at most 65535; 0 for none.
    public var weight: UInt32
    /// Where it is, as `BalanceHash.of` the zone's name; 0 where nobody said.
    public var zone: UInt64

    /// A target at `address`, called `name`; known by its address unless `key` says otherwise.
    public init(
        _ address: SocketAddress, name: String? = nil, serverName: String? = nil,
        expectation: PeerExpectation = .anyVerified, key: UInt64? = nil, weight: UInt32 = 1, zone: UInt64 = 0
    ) {
        self.address = address
        self.name = name ?? address.description
        self.serverName = serverName
        self.expectation = expectation
        self.key = key ?? BalanceHash.of(address.description)
        self.weight = weight
        self.zone = zone
    }
}

/// What a target's certificate must say, beside being verified.
public enum PeerExpectation: Sendable, Equatable {
    /// Nothing more.
    case anyVerified
    /// One of its URI names is one of these.
    case uri([String])
    /// One of its DNS names matches, a `*.` label included (RFC 6125, section 6.4.3).
    case dnsName(String)

    /// Whether `peer` is whom we wanted to reach.
    public func isMet(by peer: PeerFacts) -> Bool {
        switch self {
        case .anyVerified: true
        case .uri(let wanted): peer.uris.contains { uri in wanted.contains { PeerURI.areEqual($0, uri) } }
        case .dnsName(let wanted): peer.dnsNames.contains { DNSName.matches(pattern: $0, wanted) }
        }
    }

    /// The expectation in words, for logs.
    public var description: String {
        switch self {
        case .anyVerified: "any verified peer"
        case .uri(let wanted): wanted.joined(separator: " or ")
        case .dnsName(let wanted): wanted
        }
    }
}

/// Names as certificates carry them.
public enum DNSName {
    /// Whether `name` is `pattern`, without regard to ASCII case; a first label of `*` stands for exactly one label.
    public static func matches(pattern: String, _ name: String) -> Bool {
        let (left, right) = (pattern.lowercased(), name.lowercased())
        if left == right { return true }
        guard left.hasPrefix("*."), let dot = right.firstIndex(of: "."), dot != right.startIndex else { return false }
        let suffix = left.dropFirst()
        return suffix.dropFirst().contains(".") && right[dot...] == suffix
    }
}
