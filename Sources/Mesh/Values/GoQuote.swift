extension String {
    /// The text in double quotes as Go's `%q` prints it; Consul's messages quote names this way.
    ///
    /// Control characters become `\n`, `\t` or `\x01`; printable text, also beyond ASCII, stays.
    var goQuoted: String {
        var out = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{7}": out += "\\a"
            case "\u{8}": out += "\\b"
            case "\u{c}": out += "\\f"
            case "\u{b}": out += "\\v"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let value = UInt8(truncatingIfNeeded: scalar.value)
                out += "\\x"
                out.unicodeScalars.append(Unicode.Scalar(ASCII.hexDigit(value >> 4)))
                out.unicodeScalars.append(Unicode.Scalar(ASCII.hexDigit(value & 15)))
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
