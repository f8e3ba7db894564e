/// Addresses and names of hosts in their text forms.
package enum HostText {
    /// Whether a text is an IPv4 address in four decimal parts (RFC 3986, section 3.2.2, `IPv4address`).
    package static func isIPv4(_ text: some StringProtocol) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }) else {
                    return false
                }
                if part.count > 1, part.first == UInt8(ascii: "0") { return false }
                return part.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 255
            }
    }

    /// Whether a text is an IPv6 address (RFC 4291, section 2.2), without brackets; a zone may follow behind "%".
    package static func isIPv6(_ text: String) -> Bool {
        var body = text[...]
        if let percent = body.firstIndex(of: "%") {
            if body.index(after: percent) == body.endIndex { return false }
            body = body[..<percent]
        }
        let halves = body.components(separatedBy: "::")
        guard halves.count <= 2 else { return false }
        var groups = 0
        for (place, half) in halves.enumerated() where !half.isEmpty {
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (position, part) in parts.enumerated() {
                let isLast = place == halves.count - 1 && position == parts.count - 1
                if isLast, part.contains(".") {
                    guard isIPv4(part) else { return false }
                    groups += 2
                } else {
                    guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
                        part.utf8.count == part.count
                    else { return false }
                    groups += 1
                }
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }

    /// Whether a text is an IP address of either kind.
    package static func isIP(_ text: String) -> Bool { isIPv4(text) || isIPv6(text) }

    /// What is wrong with a DNS domain of letters, digits, "-" and "_", or nothing; a dot may end it (RFC 1035, 2.3.4).
    package static func domainFault(_ text: String) -> String? {
        let name = text.hasSuffix(".") ? text.dropLast() : text[...]
        if name.isEmpty { return "is empty" }
        if name.utf8.count > 253 { return "has more than 253 bytes" }
        for label in name.split(separator: ".", omittingEmptySubsequences: false) {
            if label.isEmpty { return "has an empty label" }
            if label.utf8.count > 63 { return "has a label of more than 63 bytes" }
            let isPlain = label.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            if !isPlain { return "may hold letters, digits, \"-\" and \"_\" only" }
        }
        return nil
    }
}

extension Substring {
    /// The parts between a separator of several characters, empty ones too.
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self
        while let range = rest.firstRange(of: separator) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        parts.append(rest)
        return parts
    }
}
