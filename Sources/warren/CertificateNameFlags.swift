import Mesh

/// Names that a certificate must carry, as flags give them. A name that no certificate can carry would refuse everybody
/// without a word, so its form is checked at the start.
enum CertificateNameFlags {
    /// A URI with a scheme (RFC 3986, section 3.1); a `spiffe://` one must be a SPIFFE id.
    static func uri(_ text: String, flag: String) throws(Flags.Misuse) -> String {
        let scheme = text.prefix { $0 != ":" }
        let isScheme =
            scheme.count < text.count && scheme.first.map { $0.isASCII && $0.isLetter } == true
            && scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        guard isScheme, scheme.utf8.count + 1 < text.utf8.count, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Flags.Misuse(
                description: "invalid value \"\(text)\" for -\(flag): want a URI with its scheme, for instance "
                    + "spiffe://example.org/web")
        }
        guard scheme.lowercased() == "spiffe" else { return text }
        do throws(SPIFFEError) {
            _ = try GenericIdentity(parsing: text)
        } catch {
            throw Flags.Misuse(
                description: "invalid value \"\(text)\" for -\(flag): \(error); want spiffe://TRUST-DOMAIN/PATH")
        }
        return text
    }

    /// A DNS name, or `*.` in front of one of two labels or more (RFC 6125, section 6.4.3).
    static func pattern(_ text: String, flag: String) throws(Flags.Misuse) -> String {
        guard text.hasPrefix("*.") else { return try name(text, flag: flag) }
        let below = String(text.dropFirst(2))
        guard isName(below), below.contains(".") else {
            throw Flags.Misuse(
                description: "invalid value \"\(text)\" for -\(flag): behind *. want a name of two labels or more, for "
                    + "instance *.example.org")
        }
        return text
    }

    /// A DNS name.
    static func name(_ text: String, flag: String) throws(Flags.Misuse) -> String {
        guard isName(text) else {
            throw Flags.Misuse(
                description:
                    "invalid value \"\(text)\" for -\(flag): want a DNS name of 255 bytes at the most, for instance "
                    + "web.example.org")
        }
        return text
    }

    /// Letters, digits, "-" and, since certificates have it, "_" in labels of 1 to 63 bytes (RFC 1035, section 2.3.4).
    private static func isName(_ text: String) -> Bool {
        guard text.utf8.count <= 255 else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
    }
}
