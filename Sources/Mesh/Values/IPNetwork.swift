/// A range of IP addresses, as "10.0.0.0/8" or "fd00::/8" (RFC 4632, RFC 4291 section 2.3).
package struct IPNetwork: Sendable, Hashable {
    /// Four bytes, or sixteen.
    private let prefix: [UInt8]
    private let length: Int

    /// Reads a network; nothing of a text that is none.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = Self.bytes(String(parts[0])),
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
            length <= address.count * 8
        else { return nil }
        prefix = address
        self.length = length
    }

    /// Whether an address is in the network; one that is none is not. An IPv4 address in IPv6's clothes
    /// (`::ffff:10.0.0.1`) is the IPv4 address.
    package func contains(_ address: String) -> Bool {
        guard let bytes = Self.bytes(address), bytes.count == prefix.count else { return false }
        for bit in stride(from: 0, to: length, by: 8) {
            let kept = min(8, length - bit)
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> kept)
            if (bytes[bit / 8] ^ prefix[bit / 8]) & mask != 0 { return false }
        }
        return true
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        if HostText.isIPv4(text) { return text.split(separator: ".").compactMap { UInt8($0) } }
        let text = String(text.prefix { $0 != "%" })
        guard HostText.isIPv6(text) else { return nil }
        var words: [UInt16] = []
        var gap: Int?
        var rest = text[...]
        if rest.hasPrefix("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let group = rest.prefix { $0 != ":" }
            rest = rest[group.endIndex...]
            if group.contains(".") {
                let four = group.split(separator: ".").compactMap { UInt16($0) }
                words += [four[0] << 8 | four[1], four[2] << 8 | four[3]]
            } else if let word = UInt16(group, radix: 16) {
                words.append(word)
            }
            if rest.hasPrefix("::") {
                gap = words.count
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst()
            }
        }
        if let gap { words.insert(contentsOf: repeatElement(0, count: 8 - words.count), at: gap) }
        let bytes = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return isMapped ? Array(bytes[12...]) : bytes
    }
}
