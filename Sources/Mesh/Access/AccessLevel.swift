/// How far a rule goes; each level includes those before it.
public enum AccessLevel: UInt8, Sendable, Hashable, Comparable {
    /// Nothing.
    case deny
    /// Reading what is named.
    case read
    /// Reading and listing; only keys know it.
    case list
    /// Everything.
    case write

    /// The level of Consul's word for it, `nil` for any other word.
    public init?(word: String) {
        switch word {
        case "deny": self = .deny
        case "read": self = .read
        case "list": self = .list
        case "write": self = .write
        default: return nil
        }
    }

    /// Less before more.
    public static func < (a: AccessLevel, b: AccessLevel) -> Bool {
        a.rawValue < b.rawValue
    }

    /// What two policies of one token say together: a denial wins, else the one that goes further.
    func joined(_ other: AccessLevel) -> AccessLevel {
        self == .deny || other == .deny ? .deny : max(self, other)
    }
}
