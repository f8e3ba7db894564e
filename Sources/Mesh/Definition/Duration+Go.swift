/// Why a text is no duration, in the words of Go's `time.ParseDuration`, which Consul passes on.
package struct DurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// The text that is no duration.
    package let text: String
}

extension Duration {
    /// The whole duration in nanoseconds, which is what Go counts in; a duration beyond 292 years is cut to that.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// Reads "1h30m", "10s", "500ms", "-1.5h" and "0" as Go does.
    package init(go text: String) throws(DurationError) {
        func fault(_ reason: String) -> DurationError {
            DurationError(description: "time: \(reason) duration \"\(text)\"", text: text)
        }
        var rest = Substring(text)
        var negative = false
        if let sign = rest.first, sign == "-" || sign == "+" {
            negative = sign == "-"
            rest.removeFirst()
        }
        if rest == "0" {
            self = .zero
            return
        }
        if rest.isEmpty { throw fault("invalid") }
        var total = 0.0
        var whole: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            var fraction: Substring = ""
            if rest.first == "." {
                rest = rest.dropFirst()
                fraction = rest.prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(fraction.count)
            }
            if digits.isEmpty && fraction.isEmpty { throw fault("invalid") }
            let unit = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
            if unit.isEmpty { throw fault("missing unit in") }
            rest = rest.dropFirst(unit.count)
            let scale: Int64
            switch unit {
            case "ns": scale = 1
            case "us", "µs", "μs": scale = 1000
            case "ms": scale = 1_000_000
            case "s": scale = 1_000_000_000
            case "m": scale = 60_000_000_000
            case "h": scale = 3_600_000_000_000
            default:
                throw DurationError(description: "time: unknown unit \"\(unit)\" in duration \"\(text)\"", text: text)
            }
            guard let number = digits.isEmpty ? 0 : Int64(digits) else { throw fault("invalid") }
            let (product, overflow) = number.multipliedReportingOverflow(by: scale)
            let (sum, carry) = whole.addingReportingOverflow(product)
            if overflow || carry { throw fault("invalid") }
            whole = sum
            if !fraction.isEmpty { total += (Double("0." + fraction) ?? 0) * Double(scale) }
        }
        let (sum, carry) = whole.addingReportingOverflow(Int64(total))
        if carry { throw fault("invalid") }
        self = .nanoseconds(negative ? -sum : sum)
    }

    /// The duration as Go's `Duration.String` writes it: "1h30m0s", "10s", "1.5s", "500ms", "0s".
    package var go: String {
        let count = nanoseconds
        if count == 0 { return "0s" }
        let sign = count < 0 ? "-" : ""
        let magnitude = count.magnitude
        func decimal(_ value: UInt64, unit: UInt64) -> String {
            let fraction = value % unit
            guard fraction > 0 else { return "\(value / unit)" }
            let width = String(unit).utf8.count - 1
            let digits = String(fraction)
            var padded = String(repeating: "0", count: width - digits.utf8.count) + digits
            while padded.last == "0" { padded.removeLast() }
            return "\(value / unit).\(padded)"
        }
        switch magnitude {
        case ..<1000: return "\(sign)\(magnitude)ns"
        case ..<1_000_000: return sign + decimal(magnitude, unit: 1000) + "µs"
        case ..<1_000_000_000: return sign + decimal(magnitude, unit: 1_000_000) + "ms"
        default:
            let minutes = magnitude / 60_000_000_000
            var text = sign
            if minutes >= 60 { text += "\(minutes / 60)h" }
            if minutes > 0 { text += "\(minutes % 60)m" }
            return text + decimal(magnitude % 60_000_000_000, unit: 1_000_000_000) + "s"
        }
    }
}
