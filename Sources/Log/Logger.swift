import CWarren
import Kernel

/// How much a line matters, in Consul's terms.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Every step.
    case trace
    /// What a developer asks for.
    case debug
    /// What an operator wants to have read.
    case info
    /// Something is not as it should be, and goes on.
    case warn
    /// Something failed.
    case error

    /// Reads Consul's names in any case: trace, debug, info, warn, err or error.
    public init?(named name: String) {
        switch name.lowercased() {
        case "trace": self = .trace
        case "debug": self = .debug
        case "info": self = .info
        case "warn": self = .warn
        case "err", "error": self = .error
        default: return nil
        }
    }

    /// The name in lower case.
    public var name: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        }
    }

    /// Whether this matters less than `other`.
    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.rawValue < other.rawValue }
}

/// One fact beside a message: `key=value` in text, a member in JSON.
public struct LogField: Sendable {
    let key: String
    let value: Value

    enum Value: Sendable {
        case text(String)
        case number(Int64)
    }

    /// A fact in words.
    public static func text(_ key: String, _ value: String) -> LogField { LogField(key: key, value: .text(value)) }
    /// A fact in figures.
    public static func number(_ key: String, _ value: some BinaryInteger) -> LogField {
        LogField(key: key, value: .number(Int64(clamping: value)))
    }
}

/// Lines in the format of Consul 1.9, as text or JSON, written by a thread of their own so that no loop waits for a
/// terminal or a full pipe.
public struct Logger: Sendable {
    /// Lines below this level are not made.
    public let level: LogLevel
    private let name: String
    private let isJSON: Bool
    private let writer: LogWriter

    /// A logger whose lines are said by `name` ("proxy", "agent.dns").
    public init(_ name: String, level: LogLevel, json: Bool = false, to writer: LogWriter) {
        self.name = name
        self.level = level
        isJSON = json
        self.writer = writer
    }

    /// The same logger under another name.
    public func named(_ name: String) -> Logger {
        Logger(name, level: level, json: isJSON, to: writer)
    }

    /// Whether lines of `level` are wanted; ask before building costly fields.
    public func wants(_ level: LogLevel) -> Bool { level >= self.level }

    /// Writes one line.
    public func log(_ level: LogLevel, _ message: @autoclosure () -> String, _ fields: [LogField] = []) {
        guard level >= self.level else { return }
        write(level, message(), fields)
    }

    /// Writes a line of level info whatever the level: the answer to somebody who asked for it, for instance by a signal.
    public func answer(_ message: String, _ fields: [LogField]) {
        write(.info, message, fields)
    }

    private func write(_ level: LogLevel, _ message: String, _ fields: [LogField]) {
        var line: [UInt8] = []
        line.reserveCapacity(160)
        if isJSON {
            appendJSON(&line, level, message, fields)
        } else {
            appendText(&line, level, message, fields)
        }
        line.append(0x0a)
        writer.append(line)
    }

    /// Writes a line of level info.
    public func info(_ message: @autoclosure () -> String, _ fields: LogField...) { log(.info, message(), fields) }
    /// Writes a line of level warn.
    public func warn(_ message: @autoclosure () -> String, _ fields: LogField...) { log(.warn, message(), fields) }
    /// Writes a line of level error.
    public func error(_ message: @autoclosure () -> String, _ fields: LogField...) { log(.error, message(), fields) }
    /// Writes a line of level debug.
    public func debug(_ message: @autoclosure () -> String, _ fields: LogField...) { log(.debug, message(), fields) }

    private func appendText(_ line: inout [UInt8], _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        line += Timestamp.text(Clock.realtime).utf8
        let tag = level.name.uppercased()
        line += " [\(tag)]\(tag.utf8.count == 4 ? " " : "") \(name): ".utf8
        Self.appendPrintable(&line, message)
        for (position, field) in fields.enumerated() {
            line += (position == 0 ? ": " : " ").utf8
            line += field.key.utf8
            line.append(0x3d)
            switch field.value {
            case .number(let number): line += String(number).utf8
            case .text(let text):
                let isBare =
                    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d }
                if isBare {
                    line += text.utf8
                } else {
                    Self.appendQuoted(&line, text)
                }
            }
        }
    }

    private func appendJSON(_ line: inout [UInt8], _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        line += #"{"@level":"\#(level.name)","@message":"#.utf8
        Self.appendQuoted(&line, message)
        line += #","@module":"#.utf8
        Self.appendQuoted(&line, name)
        line += #","@timestamp":"\#(Timestamp.text(Clock.realtime))""#.utf8
        for field in fields {
            line.append(0x2c)
            Self.appendQuoted(&line, field.key)
            line.append(0x3a)
            switch field.value {
            case .number(let number): line += String(number).utf8
            case .text(let text): Self.appendQuoted(&line, text)
            }
        }
        line.append(0x7d)
    }

    /// A line stays a line: control characters of a peer's making do not reach the terminal.
    private static func appendPrintable(_ line: inout [UInt8], _ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0: line.append(0x3f)
            default: line += UTF8.encode(scalar)!
            }
        }
    }

    /// A JSON string (RFC 8259, section 7), which is also how text fields are quoted.
    private static func appendQuoted(_ line: inout [UInt8], _ text: String) {
        let digits = Array("0123456789abcdef".utf8)
        line.append(0x22)
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5c: line += [0x5c, UInt8(scalar.value)]
            case 0x0a: line += [0x5c, 0x6e]
            // C0 and C1: U+009B starts a terminal's commands as escape does.
            case 0..<0x20, 0x7f..<0xa0:
                line += [0x5c, 0x75, 0x30, 0x30, digits[Int(scalar.value >> 4)], digits[Int(scalar.value & 15)]]
            default: line += UTF8.encode(scalar)!
            }
        }
        line.append(0x22)
    }
}
