/// Command-line flags as Consul's users know them, that is as Go's `flag` package reads them: one dash or two, `-flag value`
/// or `-flag=value`, a boolean may stand alone, the first word that is no flag ends them, `--` ends them too.
///
/// A library for command lines was weighed and left: see docs/decisions/0002-flags.md.
struct Flags {
    /// What is wrong with the words given; the text names the flag and says what to do.
    struct Misuse: Error, CustomStringConvertible {
        let description: String
    }

    private enum Kind { case value, list, toggle }
    private struct Definition {
        let kind: Kind
        let placeholder: String
        let help: String
        let section: String
    }

    /// The heading of the help text under which flags declared from now on stand.
    var section = "Options:"
    private let usage: String
    private var names: [String] = []
    private var definitions: [String: Definition] = [:]
    private var values: [String: [String]] = [:]
    /// Every flag with a value, in the order given.
    private var given: [(name: String, text: String)] = []
    /// The words behind the flags.
    private(set) var arguments: [String] = []

    /// Flags of the command whose usage line is `usage`.
    init(usage: String) {
        self.usage = usage
    }

    /// Declares a flag with one value; given again, the last one counts.
    mutating func value(_ name: String, _ placeholder: String, _ help: String) {
        declare(name, Definition(kind: .value, placeholder: placeholder, help: help, section: section))
    }

    /// Declares a flag that may be given several times.
    mutating func list(_ name: String, _ placeholder: String, _ help: String) {
        declare(
            name,
            Definition(
                kind: .list, placeholder: placeholder, help: help + " May be given several times.", section: section))
    }

    /// Declares a flag that is on or off.
    mutating func toggle(_ name: String, _ help: String) {
        declare(name, Definition(kind: .toggle, placeholder: "", help: help, section: section))
    }

    private mutating func declare(_ name: String, _ definition: Definition) {
        names.append(name)
        definitions[name] = definition
    }

    /// What reading the words came to.
    enum Outcome {
        case proceed
        /// `-h` or `-help` was given.
        case help
    }

    /// Reads the words behind the command's name.
    mutating func parse(_ words: some Collection<String>) throws(Misuse) -> Outcome {
        var words = Array(words)[...]
        while let word = words.first, word.hasPrefix("-"), word != "-" {
            words.removeFirst()
            if word == "--" { break }
            var name = word.drop { $0 == "-" }
            guard word.utf8.count - name.utf8.count <= 2, !name.isEmpty, !name.hasPrefix("=") else {
                throw Misuse(description: "bad flag syntax: \(word)")
            }
            var attached: String?
            if let equals = name.firstIndex(of: "=") {
                attached = String(name[name.index(after: equals)...])
                name = name[..<equals]
            }
            if name == "h" || name == "help" { return .help }
            guard let definition = definitions[String(name)] else {
                throw Misuse(description: "flag provided but not defined: -\(name)")
            }
            if definition.kind == .toggle {
                let text = attached ?? "true"
                guard ["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"].contains(text)
                else { throw Misuse(description: "invalid boolean value \"\(text)\" for -\(name); give true or false") }
                values[String(name)] = [text]
            } else if let text = attached ?? words.popFirst() {
                values[String(name), default: []].append(text)
                given.append((String(name), text))
            } else {
                throw Misuse(description: "flag needs an argument: -\(name)")
            }
        }
        arguments = Array(words)
        return .proceed
    }

    /// Whether a flag was given.
    func isGiven(_ name: String) -> Bool { values[name] != nil }

    /// A flag's text, the last one given.
    func text(_ name: String) -> String? { values[name]?.last }

    /// Every text given for a flag.
    func texts(_ name: String) -> [String] { values[name] ?? [] }

    /// Every text given for any of these flags, in the order of the command line.
    func texts(ofAny names: String...) -> [String] {
        given.filter { names.contains($0.name) }.map(\.text)
    }

    /// Whether a toggle is on.
    func isOn(_ name: String) -> Bool {
        values[name].map { ["1", "t", "T", "true", "TRUE", "True"].contains($0[0]) } ?? false
    }

    /// A whole number in `range`.
    func number(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Misuse) -> Int {
        guard let text = text(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw Misuse(
                description:
                    "invalid value \"\(text)\" for -\(name): want a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// A length of time in nanoseconds, written as Go writes durations ("1m30s"); 0 needs no unit.
    func duration(_ name: String, default fallback: UInt64) throws(Misuse) -> UInt64 {
        guard let text = text(name) else { return fallback }
        guard let duration = Duration.nanoseconds(parsing: text) else {
            throw Misuse(
                description: "invalid value \"\(text)\" for -\(name): want a duration such as 500ms, 10s, 1m30s or 0")
        }
        return duration
    }

    /// One of the values of an enumeration of texts.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default fallback: Choice
    ) throws(Misuse) -> Choice where Choice.RawValue == String {
        guard let text = text(name) else { return fallback }
        guard let choice = Choice(rawValue: text) else {
            let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Misuse(description: "invalid value \"\(text)\" for -\(name): want one of \(all)")
        }
        return choice
    }

    /// The help text, in the structure of Consul's.
    var help: String {
        var text = "Usage: \(usage)\n"
        var sections: [String] = []
        for name in names {
            if let section = definitions[name]?.section, !sections.contains(section) { sections.append(section) }
        }
        for section in sections {
            text += "\n\(section)\n" + help(of: section)
        }
        return text
    }

    private func help(of section: String) -> String {
        var text = ""
        for name in names.sorted() {
            guard let definition = definitions[name], definition.section == section else { continue }
            text += "\n  -\(name)\(definition.placeholder.isEmpty ? "" : "=<\(definition.placeholder)>")\n"
            var line = "    "
            for word in definition.help.split(separator: " ") {
                if line.utf8.count + word.utf8.count > 76 {
                    text += line + "\n"
                    line = "    "
                }
                line += " " + word
            }
            text += line + "\n"
        }
        return text
    }
}

/// Durations as Go writes them (package time, ParseDuration).
enum Duration {
    /// Nanoseconds of "1h2m3.5s", "500ms", "0"; `nil` for anything else, negative ones included.
    static func nanoseconds(parsing text: String) -> UInt64? {
        if text == "0" { return 0 }
        let units: [(String, Double)] = [
            ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
        ]
        var rest = Substring(text)
        var sum = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
            sum += number * factor
        }
        return sum < 9e18 ? UInt64(sum) : nil
    }
}
