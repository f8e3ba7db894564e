/// A query's parameters in the order sent, a key possibly several times; read as Go's `url.ParseQuery` reads them.
public struct Query: Sendable, Hashable {
    /// One parameter, decoded.
    public struct Item: Sendable, Hashable {
        /// The key.
        public var key: String
        /// The value; empty both for "key" and for "key=".
        public var value: String

        /// A parameter of these parts.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// The parameters in order.
    public var items: [Item]

    /// A query of these parameters.
    public init(_ items: [Item] = []) {
        self.items = items
    }

    /// Reads "a=1&b&a=2". Empty pieces between "&" are skipped; a bad escape or a ";" is a fault.
    public init(parsing text: some StringProtocol) throws(URLFault) {
        items = []
        for piece in text.utf8.split(separator: UInt8(ascii: "&")) {
            if piece.contains(UInt8(ascii: ";")) { throw .semicolon }
            let cut = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            let key = String(decoding: piece[..<cut], as: UTF8.self)
            let value = cut == piece.endIndex ? "" : String(decoding: piece[piece.index(after: cut)...], as: UTF8.self)
            items.append(Item(try PercentCoding.decodeQuery(key), try PercentCoding.decodeQuery(value)))
        }
    }

    /// The first value of `key`, or nil when it is absent.
    public subscript(key: String) -> String? {
        items.first { $0.key == key }?.value
    }

    /// Whether `key` is present, with or without a value ("?pretty").
    public func has(_ key: String) -> Bool {
        items.contains { $0.key == key }
    }

    /// Every value of `key`, in order.
    public func values(_ key: String) -> [String] {
        items.filter { $0.key == key }.map(\.value)
    }

    /// The query as text without "?", in the items' order.
    public var encoded: String {
        var text = ""
        for item in items {
            if !text.isEmpty { text += "&" }
            text += PercentCoding.encodeQuery(item.key)
            text += "="
            text += PercentCoding.encodeQuery(item.value)
        }
        return text
    }
}
