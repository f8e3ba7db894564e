/// Why a message cannot be written. Nothing was appended when one is thrown.
public enum WriteFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// A field whose name is no token, or whose value has a control character: written out it could end the head early
    /// and smuggle a message of someone else's making.
    case field(name: String)
    /// A method that is no token.
    case method
    /// A target with white space, control characters, "#" or bytes above ASCII: it wants percent-encoding.
    case target
    /// A status outside 100...599, or a reason with control characters.
    case status(Int)

    /// The reason in one sentence.
    public var description: String {
        switch self {
        case .field(let name): "header field \(name) has a malformed name or control characters in its value"
        case .method: "the method is not made of token characters"
        case .target: "the request target has characters that must be percent-encoded"
        case .status(let code): "\(code) is not a status from 100 to 599, or its reason has control characters"
        }
    }
}
