import HTTP
import JSON

/// Finds one intention.
enum IntentionLookup {
    /// "namespace/name" or a name alone.
    static func split(_ text: String) -> (namespace: String?, name: String) {
        guard let slash = text.firstIndex(of: "/") else { return (nil, text) }
        return (String(text[..<slash]), String(text[text.index(after: slash)...]))
    }

    /// The query that names an intention by its source and destination.
    static func query(_ source: String, _ destination: String) -> [Query.Item] {
        [Query.Item("source", source), Query.Item("destination", destination)]
    }

    /// The intention for exactly this pair, or nil.
    static func exact(_ source: String, _ destination: String, _ client: AgentClient) throws(AnswerFault) -> Value? {
        try found(client.ask("GET", "/v1/connect/intentions/exact", query(source, destination)))
    }

    /// The intention of this id, or nil.
    static func of(id: String, _ client: AgentClient) throws(AnswerFault) -> Value? {
        try found(client.ask("GET", "/v1/connect/intentions/" + PercentCoding.encodePath(id)))
    }

    private static func found(_ response: Response) throws(AnswerFault) -> Value? {
        switch response.status {
        case 200: return try AnswerFault.value(of: response)
        case 404: return nil
        default:
            let body = String(decoding: response.body, as: UTF8.self)
            throw AnswerFault(description: "Unexpected response \(response.status): \(body)")
        }
    }
}
