/// Dates as the `Date` field has them (IMF-fixdate, RFC 9110, section 5.6.7).
public enum HTTPDate {
    /// "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970 began, in UTC without leap seconds.
    public static func text(unixSeconds: Int) -> String {
        let days = Self.floorDivide(unixSeconds, 86_400)
        let second = unixSeconds - days * 86_400
        let (year, month, day) = civil(days: days)
        // 1970 began on a Thursday, the fourth name.
        let weekday = ((days % 7) + 7 + 4) % 7
        let time = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        return "\(weekdays[weekday]), \(two(day)) \(months[month - 1]) \(year) \(time) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func two(_ value: Int) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }

    private static func floorDivide(_ value: Int, _ by: Int) -> Int {
        value >= 0 ? value / by : -((-value + by - 1) / by)
    }

    /// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the
    /// last of its year and months have a regular pattern of 153 days in five.
    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        // 719468 days lie between 0000-03-01 and 1970-01-01; an era is 400 years of 146097 days.
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
