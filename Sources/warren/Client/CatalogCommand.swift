import HTTP
import JSON

extension Command {
    /// `warren catalog`: what the catalog holds.
    static let catalog = family(
        "catalog", "Interact with the catalog",
        usage: """
            warren catalog <subcommand> [options] [args]

              Lists what the catalog holds: the datacenters, the nodes and the services on
              them.

                  $ warren catalog datacenters
                  $ warren catalog nodes
                  $ warren catalog services
            """,
        [catalogDatacenters, catalogNodes, catalogServices])

    private static let catalogDatacenters = client(
        "datacenters", "Lists all known datacenters",
        usage: "warren catalog datacenters [options]\n\n  Lists the datacenters.", reads: .catalog
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let names = try client.get("/v1/catalog/datacenters", failing: "Error listing datacenters")
        for name in names.array ?? [] { output(name.string ?? "") }
        return 0
    }

    private static let catalogNodes = client(
        "nodes", "Lists all nodes in the given datacenter",
        usage: """
            warren catalog nodes [options]

              Lists the nodes, all or those that run a service:

                  $ warren catalog nodes -service=web
            """,
        reads: .catalog,
        declare: { flags in
            flags.toggle("detailed", "Also lists whole ids, tagged addresses and metadata.")
            flags.value("filter", "expression", "Lists nodes of which this expression is true.")
            flags.value("near", "node", "Sorts by the round-trip time from this node, \"_agent\" for the agent's.")
            flags.list("node-meta", "key=value", "Lists nodes with this pair of metadata.")
            flags.value("service", "name", "Lists nodes that run this service.")
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        var query: [Query.Item] = []
        if let near = flags.text("near") { query.append(Query.Item("near", near)) }
        if let filter = flags.text("filter") { query.append(Query.Item("filter", filter)) }
        for pair in try flags.pairs("node-meta") { query.append(Query.Item("node-meta", "\(pair.key):\(pair.value)")) }
        let service = flags.text("service") ?? ""
        let path = service.isEmpty ? "/v1/catalog/nodes" : "/v1/catalog/service/" + PercentCoding.encodePath(service)
        let answer = try client.get(path, query, failing: "Error listing nodes")
        let nodes = CatalogText.distinctNodes(answer.array ?? [])
        if nodes.isEmpty {
            complain("No nodes match the given query - try expanding your search.")
        } else {
            output(CatalogText.nodes(nodes, detailed: flags.isOn("detailed")))
        }
        return 0
    }

    private static let catalogServices = client(
        "services", "Lists all registered services in a datacenter",
        usage: """
            warren catalog services [options]

              Lists the services, all or those on a node:

                  $ warren catalog services -node=alpha
            """,
        reads: .catalog,
        declare: { flags in
            flags.value("node", "name", "Lists the services of this node, given by name or id.")
            flags.list("node-meta", "key=value", "Lists services on nodes with this pair of metadata.")
            flags.toggle("tags", "Also lists each service's tags.")
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        var query: [Query.Item] = []
        for pair in try flags.pairs("node-meta") { query.append(Query.Item("node-meta", "\(pair.key):\(pair.value)")) }
        let services: [(name: String, tags: [String])]
        if let node = flags.text("node"), !node.isEmpty {
            services = CatalogText.services(
                ofNode: try client.get(
                    "/v1/catalog/node/" + PercentCoding.encodePath(node), query,
                    failing: "Error listing services for node"))
        } else {
            services = CatalogText.services(
                ofAll: try client.get("/v1/catalog/services", query, failing: "Error listing services"))
        }
        if services.isEmpty {
            complain("No services match the given query - try expanding your search.")
        } else if flags.isOn("tags") {
            output(CatalogText.tagged(services))
        } else {
            output(services.map(\.name).joined(separator: "\n"))
        }
        return 0
    }
}
