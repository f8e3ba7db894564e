import Glibc
import Kernel
import Testing

@testable import Log

/// A pipe's reading end, read as lines.
private final class Reader {
    let pipe: Pipe
    private var bytes: [UInt8] = []

    init() throws { pipe = try Pipe(capacity: 1 << 20) }

    /// The next line, within two seconds.
    func line() throws -> String {
        while true {
            if let end = bytes.firstIndex(of: 0x0a) {
                defer { bytes.removeSubrange(...end) }
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
            var entry = pollfd(fd: pipe.readEnd, events: Int16(POLLIN), revents: 0)
            try #require(poll(&entry, 1, 5000) == 1, "no line came")
            var room = [UInt8](repeating: 0, count: 65536)
            let count = read(pipe.readEnd, &room, room.count)
            if count > 0 { bytes += room.prefix(count) }
        }
    }
}

@Suite("Log lines")
struct LoggerTests {
    @Test("an answer is written whatever the level, and waits for a writer that is opened later")
    func answers() throws {
        let reader = try Reader()
        let writer = LogWriter(descriptor: nil)
        let log = Logger("x", level: .error, to: writer)
        log.info("not wanted")
        log.answer("counters", [.number("n", 1)])
        writer.flush()
        writer.open(reader.pipe.writeEnd)
        #expect(try reader.line().hasSuffix("[INFO]  x: counters: n=1"))
    }

    /// A message, its fields, and what stands behind the time stamp in text and around it in JSON.
    static let table: [(message: String, fields: [LogField], text: String, json: String)] = [
        ("hello", [], "[INFO]  x: hello", #""@message":"hello","@module":"x""#),
        (
            "a", [.text("k", "v"), .number("n", -5)], "[INFO]  x: a: k=v n=-5", #""k":"v","n":-5}"#
        ),
        ("a", [.text("k", "two words")], #"[INFO]  x: a: k="two words""#, #""k":"two words""#),
        ("a", [.text("k", "")], #"[INFO]  x: a: k="""#, #""k":"""#),
        ("a", [.text("k", "a=b")], #"[INFO]  x: a: k="a=b""#, #""k":"a=b""#),
        ("a", [.text("k", "q\"\\")], #"[INFO]  x: a: k="q\"\\""#, #""k":"q\"\\""#),
        (
            "a", [.text("k", "1\n2\t\u{1b}[31m\u{7f}")], #"[INFO]  x: a: k="1\n2\u0009\u001b[31m\u007f""#,
            #""k":"1\n2\u0009\u001b[31m\u007f""#
        ),
        ("a", [.text("k", "é")], "[INFO]  x: a: k=\"é\"", #""k":"é""#),
        ("a", [.text("k", "\u{9b}31m")], #"[INFO]  x: a: k="\u009b31m""#, #""k":"\u009b31m""#),
        ("line\nbreak\u{1b}", [], "[INFO]  x: line?break?", #""@message":"line\nbreak\u001b""#),
        ("a", [.number("n", UInt64.max)], "[INFO]  x: a: n=9223372036854775807", #""n":9223372036854775807}"#),
    ]

    @Test("are one line each, whatever a peer puts into them", arguments: table.indices)
    func lines(index: Int) throws {
        let row = Self.table[index]
        let reader = try Reader()
        let writer = LogWriter(descriptor: reader.pipe.writeEnd)
        Logger("x", level: .info, to: writer).log(.info, row.message, row.fields)
        let text = try reader.line()
        #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z .*/) != nil, "\(text)")
        #expect(text.dropFirst(25) == row.text)
        Logger("x", level: .info, json: true, to: writer).log(.info, row.message, row.fields)
        let json = try reader.line()
        #expect(json.hasPrefix(#"{"@level":"info","@message":"#) && json.hasSuffix("}"))
        #expect(json.contains(row.json), "\(json)")
        #expect(json.utf8.allSatisfy { $0 >= 0x20 })
        writer.flush()
    }

    @Test("below the wanted level are not made")
    func levels() throws {
        let reader = try Reader()
        let writer = LogWriter(descriptor: reader.pipe.writeEnd)
        let log = Logger("x", level: .warn, to: writer)
        func forbidden() -> String {
            Issue.record("the message was built")
            return ""
        }
        log.info(forbidden())
        log.debug(forbidden())
        log.log(.trace, forbidden())
        log.warn("w")
        log.named("y.z").error("e")
        #expect(try reader.line().hasSuffix("[WARN]  x: w"))
        #expect(try reader.line().hasSuffix("[ERROR] y.z: e"))
        #expect(log.wants(.error) && log.wants(.warn) && !log.wants(.info))
    }

    @Test("have Consul's level names")
    func names() {
        #expect(LogLevel(named: "ERR") == .error && LogLevel(named: "Error") == .error)
        #expect(LogLevel(named: "warning") == nil && LogLevel(named: "") == nil)
        for level in LogLevel.allCases { #expect(LogLevel(named: level.name) == level) }
        #expect(LogLevel.trace < .debug && LogLevel.warn < .error)
    }

    @Test("a reader that stops costs lines, not memory or time, and the loss is told")
    func slowReader() throws {
        let reader = try Reader()
        let writer = LogWriter(descriptor: reader.pipe.writeEnd)
        let line = [UInt8](repeating: 0x61, count: 65535) + [0x0a]
        let begin = Clock.monotonic
        let before = Memory.heapInUse
        for _ in 0..<1000 { writer.append(line) }
        #expect(Clock.monotonic - begin < .seconds(5))
        #expect(Memory.heapInUse - before < 32 << 20)
        var whole = 0
        while true {
            let text = try reader.line()
            if text.hasPrefix("(") {
                let dropped = try #require(Int(text.drop { !$0.isNumber }.prefix { $0.isNumber }))
                #expect(text.contains("log lines dropped") && whole + dropped >= 900 && dropped > 0)
                break
            }
            #expect(text.utf8.count == 65535, "half a line")
            whole += 1
        }
        writer.append(Array("after\n".utf8))
        while try reader.line() != "after" {}
    }

    @Test("nobody waits for a reader that is gone")
    func goneReader() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        signal(SIGPIPE, SIG_IGN)
        let writer = LogWriter(descriptor: ends[1])
        let begin = Clock.monotonic
        for _ in 0..<100 { writer.append(Array("x\n".utf8)) }
        writer.flush()
        #expect(Clock.monotonic - begin < .milliseconds(450))
    }
}

@Suite("Time stamps")
struct TimestampTests {
    @Test(
        "are RFC 3339 in UTC with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_605_138_650_035_999_999, "2020-11-11T23:50:50.035Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (4_102_444_799_999_000_000, "2099-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func format(nanoseconds: Int64, text: String) {
        #expect(Timestamp.text(nanoseconds) == text)
    }
}
