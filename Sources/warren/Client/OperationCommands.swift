import Glibc
import HTTP
import JSON

extension Command {
    /// `warren reload`.
    static let reload = client(
        "reload", "Triggers the agent to reload configuration files",
        usage: """
            warren reload [options]

              Makes the agent read its configuration again, as SIGHUP does. If something
              in it is wrong, nothing changes and the reason is told.
            """
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        try client.send("PUT", "/v1/agent/reload", failing: "Error reloading")
        output("Configuration reload triggered")
        return 0
    }

    /// `warren leave`.
    static let leave = client(
        "leave", "Stops the agent after its services have left the catalog",
        usage: "warren leave [options]\n\n  Makes the agent leave and shut down."
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        try client.send("PUT", "/v1/agent/leave", failing: "Error leaving")
        output("Graceful leave complete")
        return 0
    }

    /// `warren info`.
    static let info = client(
        "info", "Provides debugging information for operators.",
        usage: "warren info [options]\n\n  Prints counters and facts about the agent, for debugging."
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let answer = try client.get("/v1/agent/self", failing: "Error querying agent")
        for group in answer["Stats"]?.object?.sorted().members ?? [] {
            output("\(group.key):")
            for fact in group.value.object?.sorted().members ?? [] {
                output("\t\(fact.key) = \(fact.value.string ?? fact.value.text())")
            }
        }
        return 0
    }

    /// `warren join`: Consul's, for agents that gossip.
    static let join = client(
        "join", "Tell an agent that gossips to join a cluster",
        usage: """
            warren join [options] ADDRESS...

              Tells a Consul agent to join a cluster. Warren's own agent has no gossip:
              it joins itself, and refuses any other address.
            """,
        declare: { flags in flags.toggle("wan", "Joins the pool of servers of all datacenters.") }
    ) { (flags, client) throws(Failure) in
        guard !flags.arguments.isEmpty else {
            throw Failure("At least one address to join must be specified.", showsUsage: true)
        }
        let query = flags.isOn("wan") ? [Query.Item("wan", "1")] : []
        var joined = 0
        for address in flags.arguments {
            do throws(Failure) {
                try client.send(
                    "PUT", "/v1/agent/join/" + PercentCoding.encodePath(address), query,
                    failing: "Error joining address '\(address)'")
                joined += 1
            } catch {
                complain(error.text)
            }
        }
        guard joined > 0 else { throw Failure("Failed to join any nodes.") }
        output("Successfully joined cluster by contacting \(joined) nodes.")
        return 0
    }

    /// `warren force-leave`.
    static let forceLeave = client(
        "force-leave", "Forces a member of a cluster to enter the \"left\" state",
        usage: """
            warren force-leave [options] NAME

              Tells a Consul agent that the failed node NAME will not come back. Warren's
              own agent is alone and knows no other node.
            """,
        declare: { flags in flags.toggle("prune", "Also removes the node from the list of members.") }
    ) { (flags, client) throws(Failure) in
        guard flags.arguments.count == 1 else {
            throw Failure("A single node name must be specified to force leave.", showsUsage: true)
        }
        try client.send(
            "PUT", "/v1/agent/force-leave/" + PercentCoding.encodePath(flags.arguments[0]),
            flags.isOn("prune") ? [Query.Item("prune", "1")] : [], failing: "Error force leaving")
        return 0
    }
}
