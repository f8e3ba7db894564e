import Glibc
import HTTP
import JSON
import Kernel

extension Command {
    /// `warren members`.
    static let members = client(
        "members", "Lists the members of a cluster",
        usage: """
            warren members [options]

              Lists the members that an agent knows. The status is 2 when there are none.
            """,
        declare: { flags in
            flags.toggle("detailed", "Lists every tag of each member.")
            flags.value("segment", "name", "Lists the members of one network segment. The default is all.")
            flags.value("status", "pattern", "Lists members whose status matches this regular expression.")
            flags.toggle("wan", "Lists the servers of all datacenters.")
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let pattern = try StatusPattern(flags.text("status") ?? ".*")
        var query = [Query.Item("segment", flags.text("segment") ?? "_all")]
        if flags.isOn("wan") { query = [Query.Item("wan", "1")] }
        let answer = try client.get("/v1/agent/members", query, failing: "Error retrieving members")
        let members = (answer.array ?? []).map(Member.init).filter { pattern.matches($0.status) }
        guard !members.isEmpty else { return 2 }
        let sorted = members.sorted { ($0.name, $0.segment) < ($1.name, $1.segment) }
        output(flags.isOn("detailed") ? Member.details(sorted) : Member.table(sorted))
        return 0
    }
}

/// One member of a cluster.
struct Member {
    let name: String
    let address: String
    let status: String
    let segment: String
    private let tags: [String: String]

    init(_ value: Value) {
        name = value["Name"]?.string ?? ""
        let host = value["Addr"]?.string ?? ""
        address = "\(host.contains(":") ? "[\(host)]" : host):\(value["Port"]?.integer ?? 0)"
        // Serf's numbers.
        status =
            switch value["Status"]?.integer ?? 0 {
            case 0: "none"
            case 1: "alive"
            case 2: "leaving"
            case 3: "left"
            case 4: "failed"
            default: "unknown"
            }
        var tags: [String: String] = [:]
        for member in value["Tags"]?.object?.members ?? [] { tags[member.key] = member.value.string }
        if tags["segment"] ?? "" == "" {
            if tags["role"] == "consul" { tags["segment"] = "<all>" }
            if tags["role"] == "node" { tags["segment"] = "<default>" }
        }
        segment = tags["segment"] ?? ""
        self.tags = tags
    }

    static func table(_ members: [Member]) -> String {
        columns(
            [["Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Segment"]]
                + members.map { member in
                    let tags = member.tags
                    let type =
                        switch tags["role"] {
                        case "consul": "server"
                        case "node": "client"
                        default: "unknown"
                        }
                    // "1.9.17:3c1c22679": the release and the revision it was built from.
                    let build = tags["build"].map { String($0.prefix { $0 != ":" }) } ?? "< 0.3"
                    return [
                        member.name, member.address, member.status, type, build, tags["vsn"] ?? "", tags["dc"] ?? "",
                        member.segment,
                    ]
                })
    }

    static func details(_ members: [Member]) -> String {
        columns(
            [["Node", "Address", "Status", "Tags"]]
                + members.map { member in
                    let tags = member.tags.map { "\($0.key)=\($0.value)" }.sorted()
                    return [member.name, member.address, member.status, tags.joined(separator: ",")]
                })
    }
}

/// A regular expression of the C library's extended kind (regex(7)).
private struct StatusPattern: ~Copyable {
    private var expression = regex_t()

    init(_ text: String) throws(Failure) {
        let code = regcomp(&expression, text, REG_EXTENDED | REG_NOSUB)
        guard code == 0 else {
            var reason = [CChar](repeating: 0, count: 128)
            regerror(code, nil, &reason, reason.count)
            let why = String(decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw Failure("Failed to compile status regexp: \"\(text)\": \(why)")
        }
    }

    deinit {
        var expression = expression
        regfree(&expression)
    }

    borrowing func matches(_ text: String) -> Bool {
        var expression = expression
        return regexec(&expression, text, 0, nil, 0) == 0
    }
}
