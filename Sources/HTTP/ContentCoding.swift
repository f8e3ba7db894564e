/// Negotiation of content codings (RFC 9110, section 12.5.3).
public enum ContentCoding {
    /// Whether the `Accept-Encoding` fields among `headers` allow gzip: named, or covered by "*", with a weight above 0.
    public static func acceptsGzip(_ headers: HeaderFields) -> Bool {
        var named: Bool?
        var any = false
        for field in headers.fields where HeaderFields.equal(field.name, "Accept-Encoding") {
            var value = field.value
            value.withUTF8 { bytes in
                FramingFacts.eachElement(UnsafeRawBufferPointer(bytes)) { element in
                    let cut = element.firstIndex(of: UInt8(ascii: ";")) ?? element.count
                    let coding = ASCII.trimmed(ASCII.slice(element, 0, cut))
                    let isAllowed = weightIsPositive(ASCII.slice(element, cut, element.count))
                    if ASCII.equal(coding, "gzip") || ASCII.equal(coding, "x-gzip") {
                        named = (named ?? false) || isAllowed
                    } else if ASCII.equal(coding, "*") {
                        any = any || isAllowed
                    }
                }
            }
        }
        return named ?? any
    }

    /// Whether ";q=0.5" is above zero; no weight is 1, a malformed one counts as 0.
    private static func weightIsPositive(_ parameter: UnsafeRawBufferPointer) -> Bool {
        if parameter.isEmpty { return true }
        let text = ASCII.trimmed(ASCII.slice(parameter, 1, parameter.count))
        guard text.count >= 3, text[0] | 0x20 == UInt8(ascii: "q"), text[1] == UInt8(ascii: "=") else { return false }
        var positive = false
        for (index, byte) in text[2...].enumerated() {
            if index == 1, byte == UInt8(ascii: ".") { continue }
            guard ASCII.isDigit(byte), index <= 4 else { return false }
            if byte != UInt8(ascii: "0") { positive = true }
        }
        return positive
    }
}
