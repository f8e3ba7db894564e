/// One path of the API: what it takes and who answers.
struct Route: Sendable {
    let path: String
    /// The methods besides OPTIONS, in the order of the Allow header.
    let methods: [String]
    /// The file that answers, for the table in docs/COMPATIBILITY.md.
    let file: String
    let handle: @Sendable (AgentCore, Call) throws(Refusal) -> Reply

    init(
        _ methods: [String], _ path: String, file: String = #fileID,
        _ handle: @escaping @Sendable (AgentCore, Call) throws(Refusal) -> Reply
    ) {
        self.path = path
        self.file = String(file.split(separator: "/").last ?? "")
        self.methods = methods
        self.handle = handle
    }

    /// Whether the route takes everything below its path.
    var isPrefix: Bool { path.hasSuffix("/") }
}

/// All routes, found by exact path first, then by the longest prefix, as Go's multiplexer does.
struct Routes: Sendable {
    private var exact: [String: Route] = [:]
    private var prefixes: [String: Route] = [:]

    init(_ routes: [Route]) {
        for route in routes {
            if route.isPrefix { prefixes[route.path] = route } else { exact[route.path] = route }
        }
    }

    func find(_ path: String) -> (route: Route, rest: String)? {
        if let route = exact[path] { return (route, "") }
        var end = path.endIndex
        while let slash = path[..<end].lastIndex(of: "/") {
            let prefix = String(path[...slash])
            if let route = prefixes[prefix] { return (route, String(path[path.index(after: slash)...])) }
            end = slash
        }
        return nil
    }

    func hasPrefix(_ path: String) -> Bool { prefixes[path] != nil }

    /// Every route in order of path, for the table in docs/COMPATIBILITY.md.
    var list: [Route] { (Array(exact.values) + Array(prefixes.values)).sorted { $0.path < $1.path } }
}
