import HTTP
import JSON
import Kernel

extension Command {
    static let intentionCreate = client(
        "create", "Create intentions for service connections.",
        usage: """
            warren intention create [options] SRC DST
            Usage: warren intention create [options] -file FILE...

              Makes an intention for SRC and DST, or one of each JSON file; the file "-"
              is standard input. It allows unless -deny is given. "*" stands for every
              service.

              If there is one for the same source and destination already, that is an
              error unless -replace is given.
            """,
        reads: .catalog,
        declare: { flags in
            flags.toggle("allow", "Allows the connection, the default.")
            flags.toggle("deny", "Denies the connection.")
            flags.toggle("file", "Reads intentions from files.")
            flags.list("meta", "key=value", "A pair of metadata of the intention.")
            flags.toggle("replace", "Replaces an intention for the same source and destination.")
        }
    ) { (flags, client) throws(Failure) in
        for intention in try IntentionDrafts.read(flags) { try IntentionDrafts.make(intention, flags, client) }
        return 0
    }
}

/// Intentions to be made, as `intention create` is told them.
private enum IntentionDrafts {
    static func read(_ flags: Flags) throws(Failure) -> [Object] {
        if flags.isOn("allow"), flags.isOn("deny") { throw Failure("Only one of -allow or -deny may be specified.") }
        let meta = try flags.pairs("meta")
        if flags.isOn("file") {
            guard !flags.arguments.isEmpty else { throw Failure("Error: Must specify at least one file to read") }
            var drafts: [Object] = []
            for path in flags.arguments { drafts.append(try read(path)) }
            return drafts
        }
        guard flags.arguments.count == 2 else {
            throw Failure("Error: Must specify two arguments: source and destination")
        }
        let source = IntentionLookup.split(flags.arguments[0])
        let destination = IntentionLookup.split(flags.arguments[1])
        var draft: Object = [:]
        if let namespace = source.namespace { draft["SourceNS"] = .string(namespace) }
        draft["SourceName"] = .string(source.name)
        if let namespace = destination.namespace { draft["DestinationNS"] = .string(namespace) }
        draft["DestinationName"] = .string(destination.name)
        draft["SourceType"] = "consul"
        draft["Action"] = flags.isOn("deny") ? "deny" : "allow"
        if !meta.isEmpty {
            draft["Meta"] = .object(Object(meta.map { Object.Member(key: $0.key, value: .string($0.value)) }))
        }
        return [draft]
    }

    private static func read(_ path: String) throws(Failure) -> Object {
        let bytes = try InputFile.read(path) { "Error: \($0)" }
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: bytes, limits: Limits(bytes: InputFile.largest))
        } catch {
            throw Failure("Error: \(path): \(error.wholeText) (line \(error.line), column \(error.column))")
        }
        guard case .object(let object) = value else {
            throw Failure("Error: \(path): want a JSON object with SourceName, DestinationName and Action")
        }
        return object
    }

    static func make(_ draft: Object, _ flags: Flags, _ client: AgentClient) throws(Failure) {
        let value = Value.object(draft)
        let source = IntentionText.name(value, "Source")
        let destination = IntentionText.name(value, "Destination")
        if flags.isOn("replace") {
            let pair = "source \"\(source)\" and destination \"\(destination)\""
            let old: Value?
            do throws(AnswerFault) {
                old = try IntentionLookup.exact(source, destination, client)
            } catch {
                throw Failure("Error looking up intention for replacement with \(pair): \(error)")
            }
            if let old {
                let failing = "Error replacing intention with \(pair)"
                if let id = old["ID"]?.string, !id.isEmpty {
                    var draft = draft
                    draft["ID"] = .string(id)
                    try client.send(
                        "PUT", "/v1/connect/intentions/" + PercentCoding.encodePath(id),
                        body: Value.object(draft).bytes(), failing: failing)
                } else {
                    try client.send(
                        "PUT", "/v1/connect/intentions/exact", IntentionLookup.query(source, destination),
                        body: value.bytes(), failing: failing)
                }
                return
            }
        }
        let line = IntentionText.line(value)
        try client.send(
            "POST", "/v1/connect/intentions", body: value.bytes(), failing: "Error creating intention \"\(line)\"")
        output("Created: \(line)")
    }
}
