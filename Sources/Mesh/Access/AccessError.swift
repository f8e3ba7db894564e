/// Why a request is refused. `description` is the text of the answer's body.
public enum AccessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The token is unknown.
    case notFound
    /// The token lacks a right.
    case denied(AccessRequest)
    /// The request is about access control itself, which is off.
    case disabled

    /// The text of the answer's body; which right is missing is in `detail`.
    public var description: String {
        switch self {
        case .notFound: "ACL not found"
        case .denied: "Permission denied"
        case .disabled: "ACL support disabled"
        }
    }

    /// The text that names the missing right, as Consul 1.9 answers registrations: "Permission denied: Missing
    /// service:write on w".
    public var detail: String {
        guard case .denied(let request) = self else { return description }
        return "\(description): Missing \(request.missing)"
    }

    /// The answer's status.
    public var status: Int {
        switch self {
        case .notFound, .denied: 403
        case .disabled: 401
        }
    }
}
