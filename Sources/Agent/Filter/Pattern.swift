/// A regular expression for `matches`: literals, `.`, classes, groups, `|`, `*`, `+`, `?`, `^`, `$`.
///
/// Found anywhere in the text unless anchored, as Go's regexp does. It is run by following all ways at once (Thompson
/// 1968), so that no pattern takes more than its length times the text's; a client's pattern runs on the control loop.
struct Pattern {
    private indirect enum Node {
        case empty
        case start
        case end
        case one(Set)
        case sequence([Node])
        case either([Node])
        case repeated(Node, atLeast: Int, atMost: Int?)
    }

    private struct Set {
        var ranges: [ClosedRange<UInt32>]
        var isInverted = false

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            ranges.contains { $0.contains(scalar.value) } != isInverted
        }
    }

    private enum Step {
        case one(Set, next: Int)
        case split(Int, Int)
        case start(next: Int)
        case end(next: Int)
        case accept
    }

    private var steps: [Step] = []
    private var first = 0

    /// A pattern, or nothing if `text` is none or is longer than 512 characters.
    init?(_ text: String) {
        guard text.unicodeScalars.count <= 512 else { return nil }
        var scalars = Array(text.unicodeScalars)[...]
        guard let node = Self.either(&scalars, depth: 0), scalars.isEmpty else { return nil }
        steps.append(.accept)
        guard let entry = compile(node, next: 0) else { return nil }
        first = entry
    }

    func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var marks = [Int](repeating: -1, count: steps.count)
        var current: [Int] = []
        for place in 0...scalars.count {
            // A match may begin anywhere.
            if follow(first, at: place, of: scalars.count, &marks, &current) { return true }
            guard place < scalars.count else { return false }
            var next: [Int] = []
            var nextMarks = [Int](repeating: -1, count: steps.count)
            for step in current {
                if case .one(let set, let target) = steps[step], set.contains(scalars[place]) {
                    if follow(target, at: place + 1, of: scalars.count, &nextMarks, &next) { return true }
                }
            }
            current = next
            marks = nextMarks
        }
        return false
    }

    /// Adds a step and all that it leads to without a character; true when that includes the end of the pattern.
    private func follow(_ step: Int, at place: Int, of count: Int, _ marks: inout [Int], _ list: inout [Int]) -> Bool {
        var pending = [step]
        while let step = pending.popLast() {
            if marks[step] == place { continue }
            marks[step] = place
            switch steps[step] {
            case .accept: return true
            case .one: list.append(step)
            case .split(let a, let b):
                pending.append(b)
                pending.append(a)
            case .start(let next): if place == 0 { pending.append(next) }
            case .end(let next): if place == count { pending.append(next) }
            }
        }
        return false
    }

    private mutating func compile(_ node: Node, next: Int) -> Int? {
        // Counted repetitions multiply; this bounds what a client can make of them.
        guard steps.count < 8192 else { return nil }
        switch node {
        case .empty: return next
        case .start:
            steps.append(.start(next: next))
            return steps.count - 1
        case .end:
            steps.append(.end(next: next))
            return steps.count - 1
        case .one(let set):
            steps.append(.one(set, next: next))
            return steps.count - 1
        case .sequence(let nodes):
            var next = next
            for node in nodes.reversed() {
                guard let entry = compile(node, next: next) else { return nil }
                next = entry
            }
            return next
        case .either(let nodes):
            guard var entry = nodes.last.flatMap({ compile($0, next: next) }) else { return nil }
            for node in nodes.dropLast().reversed() {
                guard let other = compile(node, next: next) else { return nil }
                steps.append(.split(other, entry))
                entry = steps.count - 1
            }
            return entry
        case .repeated(let node, let least, let most):
            var entry = next
            if let most {
                for _ in least..<max(least, most) {
                    guard let inner = compile(node, next: entry) else { return nil }
                    steps.append(.split(inner, next))
                    entry = steps.count - 1
                }
            } else {
                let loop = steps.count
                steps.append(.split(0, next))
                guard let inner = compile(node, next: loop) else { return nil }
                steps[loop] = .split(inner, next)
                entry = loop
            }
            for _ in 0..<least {
                guard let inner = compile(node, next: entry) else { return nil }
                entry = inner
            }
            return entry
        }
    }

    // MARK: Reading

    private static func either(_ text: inout ArraySlice<Unicode.Scalar>, depth: Int) -> Node? {
        guard depth < 32 else { return nil }
        var branches: [Node] = []
        while true {
            var parts: [Node] = []
            while let first = text.first, first != "|", first != ")" {
                guard let part = repeated(&text, depth: depth) else { return nil }
                parts.append(part)
            }
            branches.append(parts.isEmpty ? .empty : .sequence(parts))
            guard text.first == "|" else { break }
            text.removeFirst()
        }
        return branches.count == 1 ? branches[0] : .either(branches)
    }

    private static func repeated(_ text: inout ArraySlice<Unicode.Scalar>, depth: Int) -> Node? {
        guard var node = atom(&text, depth: depth) else { return nil }
        while let sign = text.first, "*+?".unicodeScalars.contains(sign) {
            text.removeFirst()
            switch sign {
            case "*": node = .repeated(node, atLeast: 0, atMost: nil)
            case "+": node = .repeated(node, atLeast: 1, atMost: nil)
            default: node = .repeated(node, atLeast: 0, atMost: 1)
            }
        }
        return node
    }

    private static func atom(_ text: inout ArraySlice<Unicode.Scalar>, depth: Int) -> Node? {
        guard let first = text.popFirst() else { return nil }
        switch first {
        case ".": return .one(Set(ranges: [0x0a...0x0a], isInverted: true))
        case "^": return .start
        case "$": return .end
        case "*", "+", "?": return nil
        case "[": return set(&text)
        case "(":
            if text.starts(with: "?:".unicodeScalars) { text = text.dropFirst(2) }
            guard let inner = either(&text, depth: depth + 1), text.popFirst() == ")" else { return nil }
            return inner
        case "\\":
            guard let escaped = text.popFirst() else { return nil }
            return shorthand(escaped).map(Node.one) ?? literal(escaped)
        default: return .one(Set(ranges: [first.value...first.value]))
        }
    }

    private static func literal(_ escaped: Unicode.Scalar) -> Node? {
        switch escaped {
        case "n": .one(Set(ranges: [0x0a...0x0a]))
        case "t": .one(Set(ranges: [0x09...0x09]))
        case "r": .one(Set(ranges: [0x0d...0x0d]))
        case "a"..."z", "A"..."Z", "0"..."9": nil
        default: .one(Set(ranges: [escaped.value...escaped.value]))
        }
    }

    private static func shorthand(_ letter: Unicode.Scalar) -> Set? {
        let digits: [ClosedRange<UInt32>] = [0x30...0x39]
        let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]
        let spaces: [ClosedRange<UInt32>] = [0x09...0x0a, 0x0c...0x0d, 0x20...0x20]
        switch letter {
        case "d": return Set(ranges: digits)
        case "D": return Set(ranges: digits, isInverted: true)
        case "w": return Set(ranges: words)
        case "W": return Set(ranges: words, isInverted: true)
        case "s": return Set(ranges: spaces)
        case "S": return Set(ranges: spaces, isInverted: true)
        default: return nil
        }
    }

    private static func set(_ text: inout ArraySlice<Unicode.Scalar>) -> Node? {
        var set = Set(ranges: [])
        if text.first == "^" {
            set.isInverted = true
            text.removeFirst()
        }
        var isFirst = true
        while let scalar = text.popFirst() {
            if scalar == "]" && !isFirst { return .one(set) }
            isFirst = false
            var low = scalar
            if scalar == "\\" {
                guard let escaped = text.popFirst() else { return nil }
                if let known = shorthand(escaped), !known.isInverted {
                    set.ranges += known.ranges
                    continue
                }
                low = escaped
            }
            if text.first == "-", let high = text.dropFirst().first, high != "]" {
                text = text.dropFirst(2)
                guard low.value <= high.value else { return nil }
                set.ranges.append(low.value...high.value)
            } else {
                set.ranges.append(low.value...low.value)
            }
        }
        return nil
    }
}
