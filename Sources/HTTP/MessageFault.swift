/// Why a message was refused. A parser that has thrown one is spent: the bytes behind it cannot be trusted to start
/// another message, so the connection is answered with `status` (requests) and closed.
public enum MessageFault: Error, Sendable, Hashable {
    // Lines
    /// A line ended in LF without CR, or CR stood elsewhere than before LF (RFC 9112, section 2.2 allows to refuse).
    case bareLineBreak
    /// The start line is longer than the limit, in bytes.
    case startLineTooLong(limit: Int)
    /// Start line and fields together, or the trailer fields, are longer than the limit, in bytes.
    case headTooLarge(limit: Int)
    /// More fields than the limit.
    case tooManyFields(limit: Int)

    // Start line
    /// Not METHOD SP TARGET SP VERSION.
    case malformedRequestLine
    /// A target that fits none of the four forms, or not the one its method asks for (RFC 9112, section 3.2).
    case malformedTarget
    /// A version other than HTTP/1.x.
    case unsupportedVersion
    /// Not VERSION SP 3DIGIT SP REASON, or a code outside 100...599.
    case malformedStatusLine

    // Fields
    /// A line that starts with white space: a folded field, or white space before the first one.
    case foldedField
    /// White space between a field's name and its colon.
    case spaceBeforeColon
    /// A name that is no token, or a line without a colon.
    case malformedFieldName
    /// A value with a control character or with bytes that are not UTF-8.
    case malformedFieldValue(name: String)
    /// HTTP/1.1 without `Host`.
    case hostMissing
    /// More than one `Host`.
    case hostRepeated
    /// `Host` is no uri-host with an optional port.
    case malformedHost
    /// `Expect` with something else than 100-continue.
    case unknownExpectation

    // Framing
    /// `Content-Length` is no number.
    case malformedLength
    /// Several `Content-Length` that differ.
    case differingLengths
    /// Both `Content-Length` and `Transfer-Encoding`: one of two readers would see another message (RFC 9112, 6.1).
    case lengthAndTransferCoding
    /// `Transfer-Encoding` without a coding, with parameters, or with chunked not last and once.
    case malformedTransferCoding
    /// A transfer coding other than chunked.
    case unknownTransferCoding
    /// `Transfer-Encoding` in HTTP/1.0, which has none.
    case transferCodingInHTTP10
    /// CONNECT with a body, which would be taken for the tunnel's first bytes elsewhere.
    case bodyInConnect
    /// The body is longer than the limit, in bytes.
    case bodyTooLarge(limit: Int)
    /// A chunk's size is no hexadecimal number or has more than 16 digits.
    case malformedChunkSize
    /// Something in a chunk extension that may not stand there.
    case malformedChunkExtension
    /// More chunk extensions than the limit, in bytes.
    case chunkExtensionsTooLong(limit: Int)
    /// No CRLF behind a chunk's data.
    case missingChunkEnd
    /// A trailer field that frames or routes the message (RFC 9110, section 6.5.1).
    case forbiddenTrailer(name: String)

    // Sequence
    /// The connection ended in the middle of a message.
    case truncated
    /// More interim responses than the limit.
    case tooManyInterimResponses(limit: Int)

    /// The status code to answer a refused request with.
    public var status: Int {
        switch self {
        case .startLineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .bodyTooLarge: 413
        case .unknownExpectation: 417
        case .unknownTransferCoding: 501
        case .unsupportedVersion: 505
        case .bareLineBreak, .malformedRequestLine, .malformedTarget, .malformedStatusLine, .foldedField,
            .spaceBeforeColon, .malformedFieldName, .malformedFieldValue, .hostMissing, .hostRepeated, .malformedHost,
            .malformedLength, .differingLengths, .lengthAndTransferCoding, .malformedTransferCoding,
            .transferCodingInHTTP10, .bodyInConnect, .malformedChunkSize, .malformedChunkExtension,
            .chunkExtensionsTooLong, .missingChunkEnd, .forbiddenTrailer, .truncated, .tooManyInterimResponses:
            400
        }
    }
}

extension MessageFault: CustomStringConvertible {
    /// The reason in one sentence, fit for a response's body or a log line.
    public var description: String {
        switch self {
        case .bareLineBreak: "a line does not end in CRLF, or CR stands inside it"
        case .startLineTooLong(let limit): "the first line is longer than \(limit) bytes"
        case .headTooLarge(let limit): "the header fields are larger than \(limit) bytes"
        case .tooManyFields(let limit): "there are more than \(limit) header fields"
        case .malformedRequestLine: "the request line is not METHOD TARGET HTTP/1.1 with single spaces"
        case .malformedTarget: "the request target is malformed or of a form that its method does not take"
        case .unsupportedVersion: "the version is not HTTP/1.0 or HTTP/1.1"
        case .malformedStatusLine: "the status line is not HTTP/1.1 CODE REASON with a code from 100 to 599"
        case .foldedField: "a header line starts with white space (folded fields are obsolete)"
        case .spaceBeforeColon: "white space stands before a header field's colon"
        case .malformedFieldName: "a header line has no name made of token characters before a colon"
        case .malformedFieldValue(let name): "the value of header field \(name) has control characters or is not UTF-8"
        case .hostMissing: "the Host header field is missing"
        case .hostRepeated: "the Host header field stands more than once"
        case .malformedHost: "the Host header field is not a host with an optional port"
        case .unknownExpectation: "the Expect header field asks for something else than 100-continue"
        case .malformedLength: "Content-Length is not a number"
        case .differingLengths: "Content-Length stands several times with different values"
        case .lengthAndTransferCoding: "both Content-Length and Transfer-Encoding are present"
        case .malformedTransferCoding: "Transfer-Encoding is malformed, or chunked is not its only coding"
        case .unknownTransferCoding: "Transfer-Encoding names a coding other than chunked"
        case .transferCodingInHTTP10: "Transfer-Encoding is present in an HTTP/1.0 message"
        case .bodyInConnect: "CONNECT has a body"
        case .bodyTooLarge(let limit): "the body is larger than \(limit) bytes"
        case .malformedChunkSize: "a chunk's size is not a hexadecimal number of at most 16 digits"
        case .malformedChunkExtension: "a chunk extension is malformed"
        case .chunkExtensionsTooLong(let limit): "the chunk extensions are longer than \(limit) bytes"
        case .missingChunkEnd: "a chunk's data is not followed by CRLF"
        case .forbiddenTrailer(let name): "the field \(name) may not stand behind the body"
        case .truncated: "the connection ended in the middle of a message"
        case .tooManyInterimResponses(let limit): "more than \(limit) interim responses came before the final one"
        }
    }
}
