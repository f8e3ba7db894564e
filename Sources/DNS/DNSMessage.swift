/// A type of record (RFC 1035, section 3.2.2, and later ones).
public struct DNSType: RawRepresentable, Sendable, Hashable {
    /// The number on the wire.
    public let rawValue: UInt16

    /// The type of a number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// An IPv4 address.
    public static let a = DNSType(rawValue: 1)
    /// A name server.
    public static let ns = DNSType(rawValue: 2)
    /// Another name for the name.
    public static let cname = DNSType(rawValue: 5)
    /// Start of authority.
    public static let soa = DNSType(rawValue: 6)
    /// The name for an address.
    public static let ptr = DNSType(rawValue: 12)
    /// Texts.
    public static let txt = DNSType(rawValue: 16)
    /// An IPv6 address.
    public static let aaaa = DNSType(rawValue: 28)
    /// Where a service is (RFC 2782).
    public static let srv = DNSType(rawValue: 33)
    /// What the sender can do beyond RFC 1035 (RFC 6891).
    public static let opt = DNSType(rawValue: 41)
    /// A copy of the zone.
    public static let axfr = DNSType(rawValue: 252)
    /// Whatever there is.
    public static let any = DNSType(rawValue: 255)
}

/// What a record says.
public enum DNSData: Sendable, Hashable {
    /// An address, A or AAAA by its length.
    case address(DNSAddress)
    /// A name server.
    case ns(DNSName)
    /// Another name.
    case cname(DNSName)
    /// The name for an address.
    case ptr(DNSName)
    /// Start of authority; times in seconds.
    case soa(
        server: DNSName, mailbox: DNSName, serial: UInt32, refresh: UInt32, retry: UInt32, expire: UInt32,
        minimum: UInt32)
    /// Where a service is.
    case srv(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)
    /// Texts of at most 255 bytes each.
    case txt([[UInt8]])
    /// Any other, as it stands on the wire.
    case other(DNSType, [UInt8])

    /// The record's type.
    public var type: DNSType {
        switch self {
        case .address(.v4): .a
        case .address(.v6): .aaaa
        case .ns: .ns
        case .cname: .cname
        case .ptr: .ptr
        case .soa: .soa
        case .srv: .srv
        case .txt: .txt
        case .other(let type, _): type
        }
    }
}

/// A record, class IN.
public struct DNSRecord: Sendable, Hashable {
    /// Whose.
    public var name: DNSName
    /// For how many seconds it may be kept.
    public var ttl: UInt32
    /// What it says.
    public var data: DNSData

    /// A record of these parts.
    public init(name: DNSName, ttl: UInt32, data: DNSData) {
        self.name = name
        self.ttl = ttl
        self.data = data
    }
}

/// What is asked.
public struct DNSQuestion: Sendable, Hashable {
    /// About whom.
    public var name: DNSName
    /// Which type.
    public var type: DNSType
    /// Which class; 1 is IN, 255 any.
    public var classNumber: UInt16

    /// A question of these parts.
    public init(name: DNSName, type: DNSType, classNumber: UInt16 = 1) {
        self.name = name
        self.type = type
        self.classNumber = classNumber
    }
}

/// How a query went (RFC 1035, section 4.1.1; RFC 6891, section 9).
public enum DNSCode: UInt16, Sendable, Hashable {
    /// Answered, if only by nothing.
    case success = 0
    /// The query is malformed.
    case formatError = 1
    /// The server could not.
    case serverFailure = 2
    /// There is no such name.
    case nameError = 3
    /// The server does not do this.
    case notImplemented = 4
    /// The server does not want to.
    case refused = 5
    /// The query speaks a later EDNS.
    case badVersion = 16
}

/// A query or an answer.
public struct DNSMessage: Sendable, Hashable {
    /// Whether names are compressed when the message is written; says nothing about one that was read.
    public var compresses = true
    /// What ties an answer to its query.
    public var id: UInt16 = 0
    /// Whether this is an answer.
    public var isResponse = false
    /// The kind of query; 0 for a plain one.
    public var opcode: UInt8 = 0
    /// Whether the server owns the name.
    public var isAuthoritative = false
    /// Whether something did not fit.
    public var isTruncated = false
    /// Whether the asker wants the server to ask others.
    public var wantsRecursion = false
    /// Whether the server would.
    public var offersRecursion = false
    /// How it went, with the upper bits of an OPT record.
    public var code: UInt16 = 0
    /// What is asked.
    public var questions: [DNSQuestion] = []
    /// The answers.
    public var answers: [DNSRecord] = []
    /// Who knows.
    public var authorities: [DNSRecord] = []
    /// What helps; the OPT record is in `edns` instead.
    public var additionals: [DNSRecord] = []
    /// What an OPT record says, if there is one.
    public var edns: EDNS?

    /// The extension's fields (RFC 6891, section 6.1).
    public struct EDNS: Sendable, Hashable {
        /// How long a datagram its sender takes, in bytes.
        public var size: UInt16
        /// The version of the extension, 0 today.
        public var version: UInt8

        /// An extension of these fields.
        public init(size: UInt16, version: UInt8 = 0) {
            self.size = size
            self.version = version
        }
    }

    /// A message without anything.
    public init() {}
}
