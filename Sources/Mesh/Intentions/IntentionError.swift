/// Why an intention was not read or written. `description` is the text of the answer's body, as Consul 1.9 words it.
public enum IntentionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong with the fields of a rule written by id, one sentence each.
    case invalid([String])
    /// What is wrong with a rule written by its names, the first thing found.
    case invalidSource(String)
    /// A namespace other than "default"; `field` is its JSON name.
    case namespace(field: String, value: String)
    /// A new rule came with an id of its own.
    case idGiven
    /// A rule for the same names is there; `place` is where the second one stands in the destination's list.
    case duplicate(place: Int, source: String)
    /// The rule to change does not exist.
    case unknownToModify(id: String)
    /// The rule to remove does not exist.
    case unknownToDelete(id: String)
    /// The id of a rule to read is no UUID; answered with status 400.
    case malformedID(fault: String)
    /// The id of a rule to change or remove is no UUID.
    case lookupFailed(fault: String)
    /// The body asks for decisions by HTTP request.
    case permissions(destination: String)
    /// A check names another kind of source than "consul".
    case sourceType(String)
    /// A name with more than one slash.
    case slashes(String)

    /// The text of the answer's body.
    public var description: String {
        switch self {
        case .invalid(let sentences):
            "\(sentences.count) error\(sentences.count == 1 ? "" : "s") occurred:\n"
                + sentences.map { "\t* \($0)\n" }.joined() + "\n"
        case .invalidSource(let sentence): sentence
        case .namespace(let field, let value):
            "Bad request: Invalid \(field)(\(value)): Namespaces is a Consul Enterprise feature"
        case .idGiven: "ID must be empty when creating a new intention"
        case .duplicate(let place, let source): "Sources[\(place)] defines \(source.goQuoted) more than once"
        case .unknownToModify(let id): "Cannot modify non-existent intention: '\(id)'"
        case .unknownToDelete(let id): "Cannot delete non-existent intention: '\(id)'"
        case .malformedID(let fault): "Bad request: failed config entry lookup: index error: \(fault)"
        case .lookupFailed(let fault):
            "Intention lookup failed: failed config entry lookup: index error: \(fault)"
        case .permissions(let destination):
            "service \(destination.goQuoted) has protocol \"tcp\", "
                + "which is incompatible with L7 intentions permissions"
        case .sourceType(let type): "unsupported SourceType: \(type.goQuoted)"
        case .slashes(let name): "name \(name.goQuoted) is invalid: input can contain at most one '/'"
        }
    }

    /// The answer's status: 400 for what Consul calls a bad request, else 500.
    public var status: Int {
        switch self {
        case .namespace, .malformedID: 400
        default: 500
        }
    }
}
