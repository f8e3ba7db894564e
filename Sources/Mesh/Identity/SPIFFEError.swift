/// Why a text is not a SPIFFE id that Consul would take, in Consul's words.
public enum SPIFFEError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text is no URI; `fault` is the sentence of Consul's URI parser ("missing protocol scheme").
    case notURI(text: String, fault: String)
    /// The URI has another scheme, or none.
    case scheme
    /// The URI has a part that SPIFFE ids do not have (user, port, query, fragment), no trust domain, a path of another
    /// shape, or more than 2048 bytes (SPIFFE-ID, sections 2.1 to 2.3).
    case format
    /// A path segment decodes to bytes that are not UTF-8. Consul would take them; Warren compares names as text.
    case encoding

    /// The text that Consul puts behind "Invalid client ID: " or, for `notURI`, behind "Client ID must be a URI: ".
    public var description: String {
        switch self {
        case .notURI(let text, let fault): "parse \(text.goQuoted): \(fault)"
        case .scheme: "SPIFFE ID must have 'spiffe' scheme"
        case .format: "SPIFFE ID is not in the expected format"
        case .encoding: "SPIFFE ID has a path segment that is not UTF-8"
        }
    }
}
