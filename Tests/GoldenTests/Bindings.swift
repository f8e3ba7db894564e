import JSON

/// What stands for what: identifiers, hashes and indexes of the recorded agent and those of ours, learned from answers
/// and put into later requests.
struct Bindings {
    private var identifiers: [String: String] = [:]
    private var indexes: [String: UInt64] = [:]
    private var hashes: [String: String] = [:]

    mutating func bind(index recorded: String, to own: UInt64) { indexes[recorded] = own }
    mutating func bind(hash recorded: String, to own: String) { hashes[recorded] = own }
    mutating func bind(identifier recorded: String, to own: String) { identifiers[recorded] = own }

    /// Learns from two texts of the same shape.
    mutating func learn(_ recorded: String, _ own: String) {
        let left = Self.identifiers(in: recorded)
        let right = Self.identifiers(in: own)
        guard left.count == right.count else { return }
        for (old, new) in zip(left, right) where identifiers[old] == nil { identifiers[old] = new }
    }

    /// Learns from two trees, member by member.
    mutating func learn(_ recorded: Value, _ own: Value) {
        switch (recorded, own) {
        case (.object(let left), .object(let right)):
            for member in left.members { if let value = right[member.key] { learn(member.value, value) } }
        case (.array(let left), .array(let right)): for (a, b) in zip(left, right) { learn(a, b) }
        case (.string(let left), .string(let right)): learn(left, right)
        default: break
        }
    }

    /// A recorded request's text with our identifiers, in their letter case.
    func translated(_ text: String) -> String {
        var text = text
        for (old, new) in identifiers {
            text = text.replacing(old, with: new).replacing(old.uppercased(), with: new.uppercased())
        }
        return text
    }

    /// A recorded path with our indexes and hashes too.
    func translatedPath(_ path: String) -> String {
        let parts = translated(path).split(separator: "?", maxSplits: 1)
        guard parts.count > 1 else { return String(parts[0]) }
        let query = parts[1].split(separator: "&").map { pair -> String in
            if pair.hasPrefix("index="), let own = indexes[String(pair.dropFirst(6))] { return "index=\(own)" }
            if pair.hasPrefix("hash="), let own = hashes[String(pair.dropFirst(5))] { return "hash=\(own)" }
            return String(pair)
        }
        return parts[0] + "?" + query.joined(separator: "&")
    }

    /// The UUIDs in a text.
    static func identifiers(in text: String) -> [String] {
        let bytes = Array(text.utf8)
        var found: [String] = []
        var place = 0
        while place + 36 <= bytes.count {
            if isIdentifier(bytes[place..<place + 36]) {
                found.append(String(decoding: bytes[place..<place + 36], as: UTF8.self))
                place += 36
            } else {
                place += 1
            }
        }
        return found
    }

    /// A text with every UUID made the same.
    static func blanked(_ text: String) -> String {
        var text = text
        for identifier in identifiers(in: text) { text = text.replacing(identifier, with: "<uuid>") }
        return text
    }

    private static func isIdentifier(_ bytes: ArraySlice<UInt8>) -> Bool {
        for (place, byte) in bytes.enumerated() {
            let isDash = [8, 13, 18, 23].contains(place)
            let isHex =
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
            if isDash ? byte != 0x2d : !isHex { return false }
        }
        return true
    }
}
