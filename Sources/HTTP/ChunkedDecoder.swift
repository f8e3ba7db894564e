/// Undoes the chunked coding (RFC 9112, section 7.1) up to and including the last chunk's line; the trailers behind it
/// are the field reader's. Data is never copied: it is told as a range of the piece.
struct ChunkedDecoder {
    enum Step {
        /// Every byte was taken.
        case needsMore
        /// These bytes of the piece are data.
        case data(Range<Int>)
        /// The last chunk's line was taken; trailers follow.
        case lastChunk
    }

    private enum State {
        case size(digits: Int)
        /// White space behind the size or inside an extension where it may stand.
        case beforeExtension
        case extensionText
        case quoted
        case quotedPair
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
    }

    private var state = State.size(digits: 0)
    /// The size being read, then the bytes of the chunk still to come.
    private var remaining = 0
    private var decoded = 0
    private var extensionBytes = 0

    init() {}

    mutating func next(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, limits: ParserLimits
    ) throws(MessageFault) -> Step {
        while at < bytes.count {
            if case .data = state {
                let end = at + min(bytes.count - at, remaining)
                let range = at..<end
                remaining -= range.count
                at = end
                if remaining == 0 { state = .dataReturn }
                return .data(range)
            }
            let byte = bytes[at]
            at += 1
            if try take(byte, limits) { return .lastChunk }
        }
        return .needsMore
    }

    /// One byte of framing; true at the end of the last chunk's line.
    private mutating func take(_ byte: UInt8, _ limits: ParserLimits) throws(MessageFault) -> Bool {
        switch state {
        case .size(let digits):
            let digit = ASCII.hexadecimal(byte)
            if digit >= 0 {
                // 16 digits, leading zeros included; the top bit must stay free.
                guard digits < 16, remaining < 1 << 59 else { throw .malformedChunkSize }
                remaining = remaining << 4 | digit
                state = .size(digits: digits + 1)
            } else if digits == 0 {
                throw .malformedChunkSize
            } else {
                try sizeEnded(limits)
                switch byte {
                case ASCII.carriageReturn: state = .sizeLineFeed
                case UInt8(ascii: ";"), ASCII.space, ASCII.horizontalTab:
                    try countExtension(limits)
                    state = byte == UInt8(ascii: ";") ? .extensionText : .beforeExtension
                default: throw .malformedChunkSize
                }
            }
        case .beforeExtension:
            try countExtension(limits)
            if byte == UInt8(ascii: ";") {
                state = .extensionText
            } else if !ASCII.isBlank(byte) {
                throw .malformedChunkSize
            }
        case .extensionText:
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed
                return false
            }
            try countExtension(limits)
            if byte == UInt8(ascii: "\"") {
                state = .quoted
            } else if !ASCII.isToken(byte), !ASCII.isBlank(byte), byte != UInt8(ascii: ";"), byte != UInt8(ascii: "=") {
                throw .malformedChunkExtension
            }
        case .quoted:
            try countExtension(limits)
            if byte == UInt8(ascii: "\"") {
                state = .extensionText
            } else if byte == UInt8(ascii: "\\") {
                state = .quotedPair
            } else if !ASCII.isFieldValue(byte) {
                throw .malformedChunkExtension
            }
        case .quotedPair:
            try countExtension(limits)
            guard ASCII.isFieldValue(byte) else { throw .malformedChunkExtension }
            state = .quoted
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { throw .bareLineBreak }
            if remaining == 0 { return true }
            state = .data
        case .dataReturn:
            guard byte == ASCII.carriageReturn else { throw .missingChunkEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw .missingChunkEnd }
            remaining = 0
            state = .size(digits: 0)
        case .data:
            preconditionFailure("data is taken by the range")
        }
        return false
    }

    private mutating func sizeEnded(_ limits: ParserLimits) throws(MessageFault) {
        guard remaining <= limits.bodyBytes - decoded else { throw .bodyTooLarge(limit: limits.bodyBytes) }
        decoded += remaining
    }

    private mutating func countExtension(_ limits: ParserLimits) throws(MessageFault) {
        extensionBytes += 1
        guard extensionBytes <= limits.chunkExtensionBytes else {
            throw .chunkExtensionsTooLong(limit: limits.chunkExtensionBytes)
        }
    }
}
