/// How names are answered (Consul: `domain`, `dns_config`). Times in seconds.
public struct DNSSettings: Sendable {
    /// The domain that is ours.
    public var domain: DNSName
    /// A second domain that is ours; names asked for under it are answered under it.
    public var otherDomain: DNSName?
    /// Whether names in answers are compressed.
    public var compresses: Bool
    /// The datacenter of names that give none.
    public var datacenter: String
    /// How long answers about nodes may be kept.
    public var nodeTTL: UInt32
    /// How long answers about services may be kept: by name, or by "prefix*", or "*" for all.
    public var serviceTTL: [String: UInt32]
    /// Whether warning instances are left out too.
    public var onlyPassing: Bool
    /// The most answers in a datagram without EDNS; 8 is the most there may be.
    public var udpAnswerLimit: Int
    /// The most address records in any answer; zero for any number.
    public var addressLimit: Int
    /// Whether answers that were cut say so.
    public var saysTruncated: Bool
    /// Whether a node's meta goes with its address as TXT.
    public var nodeMetaTXT: Bool
    /// The longest datagram that is sent, whatever the asker would take. Keeps a forged question from being answered with
    /// more than a hundred times its length.
    public var udpSizeLimit: Int
    /// The zone's refresh interval.
    public var soaRefresh: UInt32
    /// The zone's retry interval.
    public var soaRetry: UInt32
    /// The zone's expiry.
    public var soaExpire: UInt32
    /// How long "there is none" may be kept.
    public var soaMinimum: UInt32

    /// Consul's defaults.
    ///
    /// - Parameter domain: `nil` for "consul".
    public init(domain: DNSName? = nil, datacenter: String) {
        self.domain = domain ?? DNSName(unchecked: [Array("consul".utf8)])
        self.datacenter = datacenter
        compresses = true
        nodeTTL = 0
        serviceTTL = [:]
        onlyPassing = false
        udpAnswerLimit = 3
        addressLimit = 0
        saysTruncated = false
        nodeMetaTXT = true
        udpSizeLimit = 4_096
        soaRefresh = 3_600
        soaRetry = 600
        soaExpire = 86_400
        soaMinimum = 0
    }

    /// The time for a service: its own, else that of the longest pattern, else zero.
    func ttl(of service: String) -> UInt32 {
        if let ttl = serviceTTL[service] { return ttl }
        var found: (length: Int, ttl: UInt32) = (-1, 0)
        for (pattern, ttl) in serviceTTL where pattern.hasSuffix("*") && service.hasPrefix(pattern.dropLast()) {
            if pattern.utf8.count > found.length { found = (pattern.utf8.count, ttl) }
        }
        return found.ttl
    }
}
