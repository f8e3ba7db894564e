/// A moment of the wall clock, as whole nanoseconds since 1970-01-01T00:00:00Z.
///
/// Mesh never reads a clock: whoever changes something says when.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since the epoch; negative before it.
    public let nanoseconds: Int64

    /// The moment `nanoseconds` after the epoch.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Earlier before later.
    public static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.nanoseconds < b.nanoseconds
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with as many digits of the second as are not trailing zeros, as Go writes times into JSON:
    /// "2026-11-23T02:03:29.029948359Z".
    public var description: String {
        let seconds = nanoseconds.flooredQuotient(1_000_000_000)
        var fraction = nanoseconds - seconds * 1_000_000_000
        let days = seconds.flooredQuotient(86_400)
        let ofDay = seconds - days * 86_400
        let (year, month, day) = Self.civil(days: days)
        var out =
            "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T"
            + "\(pad(ofDay / 3_600, 2)):\(pad(ofDay / 60 % 60, 2)):\(pad(ofDay % 60, 2))"
        if fraction > 0 {
            var digits = 9
            while fraction % 10 == 0 {
                fraction /= 10
                digits -= 1
            }
            out += ".\(pad(fraction, digits))"
        }
        return out + "Z"
    }

    /// The moment that an RFC 3339 text in UTC ("…Z", up to nine digits of the second) names; `nil` for anything else.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == 0x5a else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard ASCII.isDigit(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        let marks: [(Int, UInt8)] = [(4, 0x2d), (7, 0x2d), (10, 0x54), (13, 0x3a), (16, 0x3a)]
        for (place, mark) in marks where bytes[place] != mark { return nil }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1678...2261).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            // "." and one to nine digits before the "Z".
            guard bytes[19] == 0x2e, (22...30).contains(bytes.count), let digits = number(20..<bytes.count - 1)
            else { return nil }
            fraction = digits
            for _ in 0..<(9 - (bytes.count - 21)) { fraction *= 10 }
        }
        let days = Self.days(year: year, month: month, day: day)
        guard Self.civil(days: days) == (year, month, day) else { return nil }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        nanoseconds = seconds * 1_000_000_000 + fraction
    }

    /// The Gregorian date of a day counted from 1970-01-01 (the era arithmetic of 400-year cycles, March first).
    private static func civil(days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// The day, counted from 1970-01-01, of a Gregorian date.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear.flooredQuotient(400)
        let yearOfEra = marchYear - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let ofEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear
        return era * 146_097 + ofEra - 719_468
    }
}

extension Int64 {
    /// The quotient rounded down, also below zero.
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

private func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
