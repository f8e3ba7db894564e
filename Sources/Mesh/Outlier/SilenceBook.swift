/// One loop's record of who was told something and has said nothing. Empty where it is not asked for.
///
/// What counts are first answers: of a connection whose client spoke first. A server that speaks first, and a connection after
/// its first answer, stand in no record. Silence is an instance's, not a connection's: any first answer ends it, and so does
/// any byte that a client could still send.
struct SilenceBook: Sendable {
    /// 24 bytes for each instance.
    struct Record: Sendable {
        /// Since when nothing was heard of it, or it was asked.
        var since: UInt64 = 0
        /// How many first answers all had given by then.
        var heard: UInt32 = 0
        /// Connections whose client has spoken and whose first answer has not come.
        var waiting: UInt32 = 0
        /// Whether an empty connection stands.
        var isAsked = false
        /// How often it was asked in vain while somebody waited: each time it is left alone for twice as long.
        var doubt: UInt8 = 0
    }

    private(set) var records: ContiguousArray<Record> = []
    /// First answers of all instances; it may wrap around.
    private(set) var answers: UInt32 = 0
    /// Whether any instance has ended an empty connection. Where nobody does, leaving one standing says nothing.
    private(set) var isTelling = false
    /// About the 95th percentile of the times from a client's word to the first answer, as a level (`LatencyBook`), and in
    /// nanoseconds.
    private var level: UInt16 = 0
    private(set) var usual: UInt64 = 0

    /// First answers of others before an instance is suspected: fewer may be chance.
    private static let fewAnswers: UInt32 = 4

    init(count: Int, _ policy: SilencePolicy?) {
        guard policy != nil, count > 1 else { return }
        records = ContiguousArray(repeating: Record(), count: count)
    }

    var isOn: Bool { !records.isEmpty }

    /// Whether others are to be preferred: it is suspected, or was asked and has not answered.
    func isQuiet(_ place: Int, now: UInt64, _ policy: SilencePolicy) -> Bool {
        let record = records[place]
        // Where nobody ends empty connections, a suspicion that cannot be tested does not last.
        if record.isAsked { return isTelling || now < record.since &+ policy.floor }
        guard record.waiting > 0, answers &- record.heard >= Self.fewAnswers, now > record.since else { return false }
        return now - record.since >= max(policy.floor / 10, usual * UInt64(policy.factor) / 2) << UInt64(record.doubt)
    }

    /// How long it has left an empty connection standing, in nanoseconds, if that is reason to rest.
    func silence(_ place: Int, now: UInt64, _ policy: SilencePolicy) -> UInt64? {
        let record = records[place]
        guard record.isAsked, isTelling, answers &- record.heard >= policy.answers, now > record.since,
            now - record.since >= max(policy.floor, usual * UInt64(policy.factor))
        else { return nil }
        return now - record.since
    }

    /// A client has spoken to it, for the first time on its connection.
    mutating func noteWord(_ place: Int, now: UInt64) {
        records[place].waiting += 1
        guard records[place].waiting == 1, !records[place].isAsked else { return }
        records[place].since = now
        records[place].heard = answers
        records[place].doubt = 0
    }

    /// A client that waits could tell it more, so that it reads, or the kernel has still room.
    mutating func noteMore(_ place: Int, now: UInt64) {
        guard !records[place].isAsked else { return }
        records[place].since = now
        records[place].heard = answers
    }

    /// Its first answer on a connection, so long after its client's last word.
    mutating func noteAnswer(_ place: Int, after time: UInt64, now: UInt64) {
        noteGone(place)
        answers &+= 1
        records[place].since = now
        records[place].heard = answers
        records[place].isAsked = false
        let new = LatencyBook.level(time)
        // Nineteen small steps down are one up: it comes to rest where one of twenty is above.
        if usual == 0 {
            level = new
        } else if new > level {
            level += min(38, new - level)
        } else {
            level -= min(2, level - new)
        }
        usual = (1_000 << UInt64(level >> 8)) * (256 + UInt64(level & 255)) / 256
    }

    /// A connection on which nothing was answered is over.
    mutating func noteGone(_ place: Int) {
        if records[place].waiting > 0 { records[place].waiting -= 1 }
    }

    /// An empty connection to it begins.
    mutating func noteAsked(_ place: Int, now: UInt64) {
        records[place].isAsked = true
        records[place].since = now
        records[place].heard = answers
    }

    /// The empty connection is over; whether it was the instance that ended it.
    mutating func noteToldOrGone(_ place: Int, isTold: Bool, now: UInt64) {
        if isTold { isTelling = true }
        records[place].isAsked = false
        records[place].since = now
        records[place].heard = answers
        if records[place].doubt < 8 { records[place].doubt += 1 }
    }

    /// Takes over what an earlier pool's record knew of all instances.
    mutating func adopt(_ old: SilenceBook) {
        (answers, isTelling, level, usual) = (old.answers, old.isTelling, old.level, old.usual)
    }

    /// Takes over what an earlier pool's record knew of an instance.
    mutating func adopt(_ old: SilenceBook, _ before: Int, at place: Int) {
        if isOn, old.isOn { records[place] = old.records[before] }
    }
}
