/// URIs as certificates carry them, in the form in which they are compared.
public enum PeerURI {
    /// `uri` with scheme and host in lower case, in which their case means nothing (RFC 3986, section 6.2.2.1; SPIFFE-ID,
    /// section 2.1: the trust domain). All else keeps its case.
    public static func normalized(_ uri: String) -> String {
        var bytes = Array(uri.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return uri }
        var end = colon
        if bytes[(colon + 1)...].starts(with: "//".utf8) {
            end = bytes[(colon + 3)...].firstIndex { "/?#".utf8.contains($0) } ?? bytes.endIndex
            // A user's name has a case of its own.
            if let at = bytes[..<end].lastIndex(of: UInt8(ascii: "@")) {
                lower(&bytes[..<colon])
                lower(&bytes[at..<end])
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        lower(&bytes[..<end])
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether two URIs name the same.
    public static func areEqual(_ one: String, _ other: String) -> Bool {
        one == other || normalized(one) == normalized(other)
    }

    private static func lower(_ bytes: inout ArraySlice<UInt8>) {
        for index in bytes.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) {
            bytes[index] |= 0x20
        }
    }
}
