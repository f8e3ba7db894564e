/// The parts of a `spiffe://` URI, before anything is known about what its path means.
struct SPIFFEURI {
    /// The host, as spelt.
    var trustDomain: String
    /// The path's segments, still encoded; none for an empty path.
    var segments: [ArraySlice<UInt8>]

    /// Takes `text` apart.
    ///
    /// Follows Go's `url.Parse` in what is a URI and in its messages, and is stricter in what is a SPIFFE id: user, port,
    /// query and fragment, which Consul ignores, are refused, since ignoring them lets two texts name one identity.
    init(_ text: String) throws(SPIFFEError) {
        let bytes = Array(text.utf8)
        func fault(_ sentence: String) -> SPIFFEError { .notURI(text: text, fault: sentence) }
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            throw fault("net/url: invalid control character in URL")
        }
        let unfragmented = bytes.prefix { $0 != UInt8(ascii: "#") }
        guard let colon = try Self.schemeEnd(unfragmented, fault: fault) else {
            // A relative reference: a URI to Go, but without the scheme.
            try Self.checkRelative(unfragmented, fault: fault)
            throw .scheme
        }
        let unqueried = unfragmented.prefix { $0 != UInt8(ascii: "?") }
        let hierarchy = unqueried.dropFirst(colon + 1)
        if let escape = PercentCoding.badEscape(in: hierarchy) {
            throw fault("invalid URL escape \(escape.goQuoted)")
        }
        guard bytes[..<colon].elementsEqual("spiffe".utf8, by: { ASCII.lowercase($0) == $1 }) else { throw .scheme }
        guard unqueried.count == bytes.count, bytes.count <= 2048, hierarchy.starts(with: "//".utf8) else {
            throw .format
        }
        let authority = hierarchy.dropFirst(2).prefix { $0 != UInt8(ascii: "/") }
        guard !authority.isEmpty, authority.count <= 255, authority.allSatisfy(Self.isHostByte) else { throw .format }
        trustDomain = String(decoding: authority, as: UTF8.self)
        let path = hierarchy[authority.endIndex...]
        segments =
            path.isEmpty ? [] : path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    /// Letters (Consul keeps their case), digits, ".", "-" and "_" (SPIFFE-ID, section 2.1).
    private static func isHostByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    /// Where the colon behind the scheme stands; `nil` without a scheme.
    private static func schemeEnd(
        _ bytes: ArraySlice<UInt8>, fault: (String) -> SPIFFEError
    ) throws(SPIFFEError) -> Int? {
        for (place, byte) in bytes.enumerated() {
            switch byte {
            case _ where ASCII.isLetter(byte): continue
            case _ where ASCII.isDigit(byte), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                if place == 0 { return nil }
            case UInt8(ascii: ":"):
                if place == 0 { throw fault("missing protocol scheme") }
                return place
            default: return nil
            }
        }
        return nil
    }

    /// Go's two complaints about references without a scheme.
    private static func checkRelative(
        _ bytes: ArraySlice<UInt8>, fault: (String) -> SPIFFEError
    ) throws(SPIFFEError) {
        let path = bytes.prefix { $0 != UInt8(ascii: "?") }
        if path.first != UInt8(ascii: "/"), path.prefix(while: { $0 != UInt8(ascii: "/") }).contains(UInt8(ascii: ":"))
        {
            throw fault("first path segment in URL cannot contain colon")
        }
        if let escape = PercentCoding.badEscape(in: path) {
            throw fault("invalid URL escape \(escape.goQuoted)")
        }
    }
}
