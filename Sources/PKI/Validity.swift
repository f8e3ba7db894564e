/// From when until when a certificate or list holds, in unix seconds, both ends included (RFC 5280, 4.1.2.5).
public struct Validity: Sendable, Hashable, CustomStringConvertible {
    /// The first second, in unix seconds.
    public var notBefore: Int64
    /// The last second, in unix seconds.
    public var notAfter: Int64

    /// From `notBefore` to `notAfter`, in unix seconds.
    public init(notBefore: Int64, notAfter: Int64) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Whether `time`, in unix seconds, lies within. OpenSSL, and so every handshake and `TrustBundle.verify`, counts the last
    /// second as over already (X509_cmp_time(3)).
    public func contains(_ time: Int64) -> Bool { notBefore <= time && time <= notAfter }

    /// "2026-11-23T01:50:50Z to 2036-11-23T01:50:50Z".
    public var description: String { "\(Self.text(notBefore)) to \(Self.text(notAfter))" }

    /// `time`, in unix seconds, as RFC 3339 in UTC without fractions: "2026-11-23T01:50:50Z".
    public static func text(_ time: Int64) -> String {
        let (days, second) = time.floored(by: 86_400)
        // Days to a civil date by eras of 400 years that begin in March, so that the leap day ends a year
        // (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let (era, dayOfEra) = (days + 719_468).floored(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
            + "T\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):\(pad(second % 60, 2))Z"
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Throws unless the period is one that a certificate can carry.
    func check(_ subject: @autoclosure () -> String) throws(PKIError) {
        // 1950-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the ends of UTCTime and GeneralizedTime.
        let expressible: ClosedRange<Int64> = -631_152_000...253_402_300_799
        guard expressible.contains(notBefore), expressible.contains(notAfter) else {
            throw PKIError(.invalidTime, subject(), "a time is not within the years 1950 to 9999")
        }
        guard notBefore <= notAfter else {
            throw PKIError(.invalidTime, subject(), "the period \(self) ends before it begins")
        }
    }
}

extension Int64 {
    /// Quotient and remainder of a division that rounds down, so that the remainder is never negative.
    fileprivate func floored(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
