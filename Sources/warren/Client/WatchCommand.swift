import Glibc
import HTTP
import JSON
import Kernel

extension Command {
    /// `warren watch`.
    static let watch = client(
        "watch", "Watch for changes",
        usage: """
            warren watch [options] [CHILD...]

              Watches services, nodes, the instances of a service or checks. Without CHILD
              it prints them once. With it, CHILD is run for what there is and then for
              each change, with the JSON on its standard input.

                  $ warren watch -type service -service web ./reconfigure
            """,
        reads: .catalog,
        declare: { flags in
            flags.value("passingonly", "true|false", "Only instances whose checks all pass; for type service.")
            flags.value("service", "name", "The service; for types service and checks.")
            flags.toggle("shell", "Runs CHILD by a shell, $SHELL or /bin/sh; the default. -shell=false runs it itself.")
            flags.value("state", "state", "Checks in this state only; for type checks.")
            flags.list("tag", "tag", "Instances with this tag only; for type service.")
            flags.value("type", "type", "What to watch: services, nodes, service or checks.")
        }
    ) { (flags, client) throws(Failure) in
        let view = try WatchView(flags)
        client.onInterrupt = { _ in exit(0) }
        // An agent that is not there at all is told at once; one that goes away later is waited for.
        try client.send("GET", "/v1/agent/self", failing: "Error querying Consul agent")
        guard !flags.arguments.isEmpty else {
            output(try client.get(view.path, view.query, failing: "Error querying Consul agent").text(.pretty))
            return 0
        }
        let usesShell = !flags.isGiven("shell") || flags.isOn("shell")
        return try Watching(view, client, WatchHandler(flags.arguments, usesShell: usesShell)).run()
    }
}

/// What is watched.
struct WatchView {
    let type: String
    let path: String
    let query: [Query.Item]

    init(_ flags: Flags) throws(Failure) {
        guard let type = flags.text("type"), !type.isEmpty else {
            throw Failure("Watch type must be specified", showsUsage: true)
        }
        self.type = type
        let service = flags.text("service") ?? ""
        switch type {
        case "services":
            path = "/v1/catalog/services"
            query = []
        case "nodes":
            path = "/v1/catalog/nodes"
            query = []
        case "service":
            guard !service.isEmpty else { throw Failure("Must specify a single service to watch") }
            path = "/v1/health/service/" + PercentCoding.encodePath(service)
            var query = flags.texts("tag").map { Query.Item("tag", $0) }
            switch flags.text("passingonly") {
            case nil, "false": break
            case "true": query.append(Query.Item("passing", "1"))
            case let other?: throw Failure("invalid value \"\(other)\" for -passingonly: want true or false")
            }
            self.query = query
        case "checks":
            let state = flags.text("state") ?? ""
            if !service.isEmpty, !state.isEmpty { throw Failure("Cannot specify service and state") }
            path =
                service.isEmpty
                ? "/v1/health/state/" + PercentCoding.encodePath(state.isEmpty ? "any" : state)
                : "/v1/health/checks/" + PercentCoding.encodePath(service)
            query = []
        case "connect_roots", "connect_leaf", "agent_service":
            throw Failure("Type \(type) is not supported in the CLI tool")
        case "key", "keyprefix", "event":
            throw Failure("Type \(type) is not supported: Warren has neither a key-value store nor events")
        default: throw Failure("Unsupported watch type: \(type)")
        }
    }
}

/// A watch with a child: asks again and again by blocking queries and runs the child for each change.
private final class Watching {
    private let view: WatchView
    private let client: AgentClient
    private let handler: WatchHandler
    private var index: UInt64 = 0
    private var last: Value?
    private var failures: UInt64 = 0

    /// A blocking query's 5 minutes, an agent's sixteenth on top, and some for the way.
    private static let patience: Nanoseconds = .seconds(330)

    init(_ view: WatchView, _ client: AgentClient, _ handler: WatchHandler) {
        self.view = view
        self.client = client
        self.handler = handler
    }

    func run() throws(Failure) -> Int32 {
        while true {
            var news: Value?
            do throws(AnswerFault) {
                news = try ask()
            } catch {
                failures += 1
                index = 0
                // 5 s, 20 s, 45 s … 3 min: an agent that restarts is not stormed.
                let rest = min(180, 5 * failures * failures)
                complain("Watch (type: \(view.type)) errored: \(error), retry in \(rest)s")
                client.pause(.seconds(rest))
            }
            if let news { try handler.run(news, index: index, client) }
        }
    }

    /// The view, or nil when it has not changed.
    private func ask() throws(AnswerFault) -> Value? {
        let query = view.query + (index > 0 ? [Query.Item("index", String(index)), Query.Item("wait", "5m")] : [])
        let response = try client.ask("GET", view.path, query, patience: Self.patience)
        guard response.status == 200 else { throw AnswerFault(unexpected: response) }
        let value = try AnswerFault.value(of: response)
        failures = 0
        guard let now = response.headers["X-Consul-Index"].flatMap(UInt64.init), now > 0 else {
            throw AnswerFault(description: "the answer has no X-Consul-Index")
        }
        // An index that goes back belongs to a server that started anew.
        let before = index
        index = now < before ? 0 : now
        if now == before || value == last { return nil }
        last = value
        return value
    }
}
