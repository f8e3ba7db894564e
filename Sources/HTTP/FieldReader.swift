/// Reads field lines up to and including the empty line that ends them: of a head or, behind chunks, of the trailers.
/// Limits are the same for both; framing facts are gathered from a head only.
struct FieldReader: ~Copyable {
    private(set) var fields: [HeaderField] = []
    private(set) var facts = FramingFacts()
    private var lines = LineAssembler()
    /// Bytes of whole lines taken so far, CRLF included.
    private var taken = 0

    init() {}

    /// Whether nothing of a head was taken yet.
    var isUntouched: Bool { taken == 0 && lines.isEmpty }

    /// Whether the next byte starts a line.
    var isAtLineStart: Bool { lines.isEmpty }

    /// Forgets what was read and gives line storage back.
    mutating func reset() {
        fields = []
        facts = FramingFacts()
        lines.release()
        taken = 0
    }

    /// The fields, which are not kept: the message gets them without a copy.
    mutating func takeFields() -> HeaderFields {
        let result = HeaderFields(fields)
        fields = []
        return result
    }

    /// Reads the start line; false when its end has not come.
    @inline(__always)
    mutating func startLine(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, limits: ParserLimits,
        _ read: (UnsafeRawBufferPointer) throws(MessageFault) -> Void
    ) throws(MessageFault) -> Bool {
        // One more than the limit, for the CR. The smaller of the two limits speaks, so that the fault is the same
        // wherever the pieces were cut.
        let own = limits.startLineBytes + 1
        let rest = limits.headBytes - taken - 1
        switch lines.next(bytes, &at, allowance: min(own, rest)) {
        case .incomplete: return false
        case .tooLong:
            throw own <= rest
                ? .startLineTooLong(limit: limits.startLineBytes) : .headTooLarge(limit: limits.headBytes)
        case .bareLineFeed: throw .bareLineBreak
        case .whole(let line):
            taken += line.count + 2
            try read(line)
            return true
        }
    }

    /// Reads field lines; true once the empty line was read.
    @inline(__always)
    mutating func head(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, limits: ParserLimits, role: MessageRole
    ) throws(MessageFault) -> Bool {
        // Most requests have fewer; one allocation instead of four.
        if fields.capacity == 0 { fields.reserveCapacity(8) }
        while true {
            guard let line = try nextLine(bytes, &at, limits) else { return false }
            if line.isEmpty {
                lines.release()
                return true
            }
            let field = try FieldLine(line)
            try facts.note(field, of: role)
            try keep(field, limits)
        }
    }

    /// Reads trailer lines; true once the empty line was read.
    mutating func trailers(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, limits: ParserLimits
    ) throws(MessageFault) -> Bool {
        while true {
            guard let line = try nextLine(bytes, &at, limits) else { return false }
            if line.isEmpty {
                lines.release()
                return true
            }
            let field = try FieldLine(line)
            if FramingFacts.isForbiddenTrailer(field.name) {
                throw .forbiddenTrailer(name: String(decoding: field.name, as: UTF8.self))
            }
            try keep(field, limits)
        }
    }

    @inline(__always)
    private mutating func nextLine(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ limits: ParserLimits
    ) throws(MessageFault) -> UnsafeRawBufferPointer? {
        switch lines.next(bytes, &at, allowance: limits.headBytes - taken - 1) {
        case .incomplete: return nil
        case .tooLong: throw .headTooLarge(limit: limits.headBytes)
        case .bareLineFeed: throw .bareLineBreak
        case .whole(let line):
            taken += line.count + 2
            return line
        }
    }

    @inline(__always)
    private mutating func keep(_ field: FieldLine, _ limits: ParserLimits) throws(MessageFault) {
        guard fields.count < limits.fields else { throw .tooManyFields(limit: limits.fields) }
        fields.append(try field.owned())
    }
}
