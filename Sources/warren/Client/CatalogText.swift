import JSON

/// What the catalog holds, as the commands print it.
enum CatalogText {
    /// The records of a list with one of each node: a service may have several instances on one.
    static func distinctNodes(_ records: [Value]) -> [Value] {
        var seen: Set<String> = []
        return records.filter { seen.insert($0["Node"]?.string ?? "").inserted }
    }

    static func nodes(_ nodes: [Value], detailed: Bool) -> String {
        var rows = [["Node", "ID", "Address", "DC"] + (detailed ? ["TaggedAddresses", "Meta"] : [])]
        for node in nodes {
            let id = node["ID"]?.string ?? ""
            var row = [
                node["Node"]?.string ?? "", detailed ? id : String(id.prefix { $0 != "-" }),
                node["Address"]?.string ?? "", node["Datacenter"]?.string ?? "",
            ]
            // The records of a service call the node's metadata NodeMeta.
            if detailed { row += [pairs(node["TaggedAddresses"]), pairs(node["NodeMeta"] ?? node["Meta"])] }
            rows.append(row)
        }
        return columns(rows)
    }

    private static func pairs(_ map: Value?) -> String {
        (map?.object?.sorted().members ?? []).map { "\($0.key)=\($0.value.string ?? "")" }.joined(separator: ", ")
    }

    /// The names and tags of `/v1/catalog/services`.
    static func services(ofAll answer: Value) -> [(name: String, tags: [String])] {
        (answer.object?.sorted().members ?? []).map { member in
            (member.key, (member.value.array ?? []).compactMap(\.string).sorted())
        }
    }

    /// The names and tags of `/v1/catalog/node/NAME`, instances of one name taken together.
    static func services(ofNode answer: Value) -> [(name: String, tags: [String])] {
        var tags: [String: Set<String>] = [:]
        for member in answer["Services"]?.object?.members ?? [] {
            let name = member.value["Service"]?.string ?? ""
            tags[name, default: []].formUnion((member.value["Tags"]?.array ?? []).compactMap(\.string))
        }
        return tags.map { ($0.key, $0.value.sorted()) }.sorted { $0.0 < $1.0 }
    }

    /// Names and tags side by side; Consul sets them six blanks apart, and leaves those blanks where there are no tags,
    /// but for the end.
    static func tagged(_ services: [(name: String, tags: [String])]) -> String {
        let width = services.map { $0.name.unicodeScalars.count }.max() ?? 0
        let lines = services.map { service in
            let padding = String(repeating: " ", count: width - service.name.unicodeScalars.count + 6)
            return service.name + padding + service.tags.joined(separator: ",")
        }
        return trimmed(lines.joined(separator: "\n"))
    }
}
