import HTTP
import JSON

extension Command {
    /// `warren intention`: who may connect to whom.
    static let intention = family(
        "intention", "Interact with Connect service intentions",
        usage: """
            warren intention <subcommand> [options] [args]

              Intentions say which services may connect to which through the mesh.

              Let "web" talk to "db":

                  $ warren intention create web db

              See whether "web" may connect to "db":

                  $ warren intention check web db

              See every intention that concerns connections to "db":

                  $ warren intention match db
            """,
        [intentionCheck, intentionCreate, intentionDelete, intentionGet, intentionList, intentionMatch])

    private static let intentionCheck = client(
        "check", "Check whether a connection between two services is allowed.",
        usage: """
            warren intention check [options] SRC DST

              Says whether SRC may connect to DST. The status is 0 if it may, 1 if not, 2
              if that cannot be found out.
            """,
        reads: .catalog
    ) { (flags, client) throws(Failure) in
        guard flags.arguments.count == 2 else {
            throw Failure("Error: command requires exactly two arguments: src and dst", status: 2)
        }
        let answer = try client.get(
            "/v1/connect/intentions/check",
            [
                Query.Item("source", flags.arguments[0]), Query.Item("source-type", "consul"),
                Query.Item("destination", flags.arguments[1]),
            ], failing: "Error checking the connection", status: 2)
        let isAllowed = answer["Allowed"]?.bool ?? false
        output(isAllowed ? "Allowed" : "Denied")
        return isAllowed ? 0 : 1
    }

    private static let intentionDelete = client(
        "delete", "Delete an intention.",
        usage: """
            warren intention delete [options] SRC DST
            Usage: warren intention delete [options] ID

              Deletes the intention for exactly this source and destination, or the one
              of this id. One that does not exist counts as deleted.
            """,
        reads: .catalog
    ) { (flags, client) throws(Failure) in
        let failing = "Error deleting the intention"
        switch flags.arguments.count {
        case 1:
            try client.send(
                "DELETE", "/v1/connect/intentions/" + PercentCoding.encodePath(flags.arguments[0]), failing: failing)
        case 2:
            try client.send(
                "DELETE", "/v1/connect/intentions/exact", IntentionLookup.query(flags.arguments[0], flags.arguments[1]),
                failing: failing)
        default: throw Failure("command requires exactly 1 or 2 arguments")
        }
        output("Intention deleted.")
        return 0
    }

    private static let intentionGet = client(
        "get", "Show information about an intention.",
        usage: """
            warren intention get [options] SRC DST
            Usage: warren intention get [options] ID

              Shows the intention for exactly this source and destination, or the one of
              this id.
            """,
        reads: .catalog
    ) { (flags, client) throws(Failure) in
        let words = flags.arguments
        guard (1...2).contains(words.count) else { throw Failure("command requires exactly 1 or 2 arguments") }
        let found: Value?
        do throws(AnswerFault) {
            found =
                words.count == 2
                ? try IntentionLookup.exact(words[0], words[1], client) : try IntentionLookup.of(id: words[0], client)
        } catch {
            throw Failure("Error reading the intention: \(error)")
        }
        guard let found else {
            throw Failure(
                words.count == 2
                    ? "Intention not found with source \"\(words[0])\" and destination \"\(words[1])\""
                    : "Intention not found with ID \"\(words[0])\"")
        }
        output(IntentionText.block(found))
        return 0
    }

    private static let intentionList = client(
        "list", "List intentions.",
        usage: "warren intention list [options]\n\n  Lists all intentions, the most specific first.", reads: .catalog
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let all = try client.get("/v1/connect/intentions", failing: "Error retrieving intentions list").array ?? []
        guard !all.isEmpty else { throw Failure("There are no intentions.", status: 2) }
        output(IntentionText.table(all))
        return 0
    }

    private static let intentionMatch = client(
        "match", "Show intentions that match a source or destination.",
        usage: """
            warren intention match [options] SRC|DST

              Lists the intentions that concern connections to DST, or with -source those
              from SRC, in the order in which they are consulted.
            """,
        reads: .catalog,
        declare: { flags in
            flags.toggle("destination", "Matches by destination, the default.")
            flags.toggle("source", "Matches by source.")
        }
    ) { (flags, client) throws(Failure) in
        guard flags.arguments.count == 1 else {
            throw Failure("Error: command requires exactly one argument: src or dst")
        }
        if flags.isOn("source"), flags.isOn("destination") {
            throw Failure("Error: only one of -source or -destination may be specified")
        }
        let name = flags.arguments[0]
        let matched = try client.get(
            "/v1/connect/intentions/match",
            [Query.Item("by", flags.isOn("source") ? "source" : "destination"), Query.Item("name", name)],
            failing: "Error matching the connection")
        for intention in matched[name]?.array ?? [] { output(IntentionText.line(intention)) }
        return 0
    }
}
