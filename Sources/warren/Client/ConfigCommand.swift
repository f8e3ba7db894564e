import HTTP
import JSON

extension Command {
    /// `warren config`: central configuration entries, of an agent that has them.
    static let config = family(
        "config", "Interact with central configuration entries",
        usage: """
            warren config <subcommand> [options] [args]

              Central configuration entries are kept by the servers of a cluster.

                  $ warren config write web.json
                  $ warren config read -kind service-defaults -name web
                  $ warren config list -kind service-defaults
                  $ warren config delete -kind service-defaults -name web
            """,
        [configDelete, configList, configRead, configWrite])

    private static let configDelete = client(
        "delete", "Delete a central configuration entry",
        usage:
            "warren config delete [options] -kind KIND -name NAME\n\n  Deletes the entry; one that does not exist counts as deleted.",
        reads: .catalog, declare: declareKindAndName
    ) { (flags, client) throws(Failure) in
        let entry = try ConfigEntry(flags)
        try client.send("DELETE", entry.path, failing: "Error deleting config entry \(entry)")
        output("Config entry deleted: \(entry)")
        return 0
    }

    private static let configList = client(
        "list", "List central configuration entries of a kind",
        usage: "warren config list [options] -kind KIND\n\n  Lists the names of all entries of a kind.",
        reads: .catalog,
        declare: { flags in flags.value("kind", "kind", "The entries' kind.") }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        guard let kind = flags.text("kind"), !kind.isEmpty else { throw Failure("Must specify the -kind parameter") }
        let answer = try client.get(
            "/v1/config/" + PercentCoding.encodePath(kind), failing: "Error listing config entries for kind \"\(kind)\""
        )
        for entry in answer.array ?? [] { output(entry["Name"]?.string ?? "") }
        return 0
    }

    private static let configRead = client(
        "read", "Read a central configuration entry",
        usage: "warren config read [options] -kind KIND -name NAME\n\n  Prints the entry as JSON.", reads: .catalog,
        declare: declareKindAndName
    ) { (flags, client) throws(Failure) in
        let entry = try ConfigEntry(flags)
        output(try client.get(entry.path, failing: "Error reading config entry \(entry)").text(.pretty))
        return 0
    }

    private static let configWrite = client(
        "write", "Create or update a central configuration entry",
        usage: """
            warren config write [options] FILE

              Makes or changes the entry that a JSON file describes; "-" is standard input.

                  {"Kind": "service-defaults", "Name": "web", "Protocol": "tcp"}
            """,
        reads: .catalog,
        declare: { flags in
            flags.toggle("cas", "Writes only if the entry's index is still that of -modify-index.")
            flags.value("modify-index", "number", "The ModifyIndex that the entry must have; 0: it must not exist.")
        }
    ) { (flags, client) throws(Failure) in
        guard flags.arguments.count == 1 else {
            throw Failure("Must provide exactly one positional argument to specify the config entry to write")
        }
        var query: [Query.Item] = []
        if flags.isOn("cas") {
            guard let text = flags.text("modify-index"), let index = UInt64(text) else {
                throw Failure("Must specify -modify-index with -cas, a whole number")
            }
            query = [Query.Item("cas", String(index))]
        } else if flags.isGiven("modify-index") {
            throw Failure("Cannot specify -modify-index without -cas")
        }
        let (entry, body) = try ConfigEntry.read(flags.arguments[0])
        let answer = try client.send(
            "PUT", "/v1/config", query, body: body, failing: "Error writing config entry \(entry)")
        guard trimmed(String(decoding: answer.body, as: UTF8.self)) == "true" else {
            throw Failure("Config entry not updated: \(entry)")
        }
        output("Config entry written: \(entry)")
        return 0
    }

    private static let declareKindAndName: @Sendable (inout Flags) -> Void = { flags in
        flags.value("kind", "kind", "The entry's kind.")
        flags.value("name", "name", "The entry's name.")
    }
}

/// The kind and name of a central configuration entry.
private struct ConfigEntry: CustomStringConvertible {
    let kind: String
    let name: String

    /// The kinds that Consul's releases know.
    private static let kinds: Set<String> = [
        "api-gateway", "exported-services", "http-route", "ingress-gateway", "inline-certificate", "mesh",
        "proxy-defaults", "service-defaults", "service-intentions", "service-resolver", "service-router",
        "service-splitter", "tcp-route", "terminating-gateway",
    ]

    var description: String { "\(kind)/\(name)" }

    var path: String { "/v1/config/\(PercentCoding.encodePath(kind))/\(PercentCoding.encodePath(name))" }

    /// The entry that `-kind` and `-name` name.
    init(_ flags: Flags) throws(Failure) {
        try flags.expectArguments(0...0)
        kind = flags.text("kind") ?? ""
        name = flags.text("name") ?? ""
        if kind.isEmpty { throw Failure("Must specify the -kind parameter") }
        if name.isEmpty { throw Failure("Must specify the -name parameter") }
    }

    private init(kind: String, name: String) {
        self.kind = kind
        self.name = name
    }

    /// The entry that a file describes, and the body to send.
    static func read(_ path: String) throws(Failure) -> (ConfigEntry, [UInt8]) {
        let bytes = try InputFile.read(path) { "Failed to load data: Failed to read file: \($0)" }
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: bytes, limits: Limits(bytes: InputFile.largest, duplicates: .refused))
        } catch {
            throw Failure(
                "Failed to decode config entry input: \(path): \(error.wholeText) (line \(error.line), "
                    + "column \(error.column)); HCL is not read here, write the entry as JSON")
        }
        let object = value.object ?? Object()
        guard let kind = object[folding: "Kind"]?.string else {
            throw Failure(
                "Failed to decode config entry input: Payload does not contain a kind/Kind key at the top level")
        }
        guard kinds.contains(kind) else {
            throw Failure("Failed to decode config entry input: invalid config entry kind: \(kind)")
        }
        // The mesh's own settings have a fixed name and may leave it out.
        let name = object[folding: "Name"]?.string ?? (kind == "mesh" ? "mesh" : "")
        return (ConfigEntry(kind: kind, name: name), value.bytes())
    }
}
