import JSON

/// One of a configuration's `watches`: what the agent looks at, and what it does when that changes.
package struct WatchDefinition: Sendable, Hashable {
    /// What is looked at.
    package enum Subject: Sendable, Hashable {
        case services, nodes
        case service(String, tags: [String], passingOnly: Bool)
        /// The checks of a service, or, when that is empty, those in a state ("any", "passing", …).
        case checks(service: String, state: String)
        case connectRoots
        case connectLeaf(service: String)
        /// A service of this agent, by its id.
        case agentService(id: String)

        /// As `type` has it.
        package var type: String {
            switch self {
            case .services: "services"
            case .nodes: "nodes"
            case .service: "service"
            case .checks: "checks"
            case .connectRoots: "connect_roots"
            case .connectLeaf: "connect_leaf"
            case .agentService: "agent_service"
            }
        }
    }

    /// What hears of a change.
    package enum Handler: Sendable, Hashable {
        /// A program, which gets the news on its standard input.
        case program([String])
        /// A URL, which gets it as a body.
        case http(url: String, method: String, header: [String: [String]], timeout: Duration, skipVerify: Bool)
    }

    package var subject: Subject
    package var handler: Handler
    /// What the questions are asked with; empty for the agent's default token.
    package var token = ""
    /// Empty for the agent's own.
    package var datacenter = ""

    package init(_ subject: Subject, _ handler: Handler) {
        self.subject = subject
        self.handler = handler
    }
}

extension DefinitionReader {
    private static let watchVocabulary = Vocabulary([
        "type", "service", "service_id", "tag", "passingonly", "state", "token", "datacenter", "handler_type", "args",
        "handler", "http_handler_config", "key", "prefix", "name",
    ])
    private static let postVocabulary = Vocabulary(["path", "method", "timeout", "header", "tls_skip_verify"])

    /// The members of a watch as they stand.
    private struct WatchMembers {
        var texts: [String: String] = [:]
        var tags: [String] = []
        var passingOnly = false
        var arguments: [String] = []
        var post: WatchDefinition.Handler?
    }

    /// Reads a watch.
    package mutating func watch(_ reader: Reader) throws(DefinitionFault) -> WatchDefinition {
        var found = WatchMembers()
        try members(reader, Self.watchVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "tag":
                if case .string(let tag) = value.value {
                    found.tags = [tag]
                } else {
                    found.tags = try self.strings(value)
                }
            case "passingonly": found.passingOnly = try self.bool(value)
            case "args": found.arguments = try self.strings(value)
            case "http_handler_config": found.post = try self.post(value)
            default: found.texts[name] = try self.string(value)
            }
        }
        func fault(_ text: String) -> DefinitionFault { .rule("\(reader.path): \(text)") }
        var watch = WatchDefinition(
            try subject(found, fault), try handler(found, fault))
        watch.token = found.texts["token"] ?? ""
        watch.datacenter = found.texts["datacenter"] ?? ""
        return watch
    }

    private func subject(
        _ found: WatchMembers, _ fault: (String) -> DefinitionFault
    ) throws(DefinitionFault) -> WatchDefinition.Subject {
        let service = found.texts["service"] ?? ""
        let type = found.texts["type"] ?? ""
        switch type {
        case "services": return .services
        case "nodes": return .nodes
        case "service":
            guard !service.isEmpty else { throw fault("Must specify a single service to watch") }
            return .service(service, tags: found.tags, passingOnly: found.passingOnly)
        case "checks":
            let state = found.texts["state"] ?? ""
            if !service.isEmpty, !state.isEmpty { throw fault("Cannot specify service and state") }
            return .checks(service: service, state: state.isEmpty ? "any" : state)
        case "connect_roots": return .connectRoots
        case "connect_leaf":
            guard !service.isEmpty else { throw fault("Must specify a single service to watch") }
            return .connectLeaf(service: service)
        case "agent_service":
            guard let id = found.texts["service_id"], !id.isEmpty else {
                throw fault("Must specify a single service_id to watch")
            }
            return .agentService(id: id)
        case "key", "keyprefix", "event":
            throw fault("type \"\(type)\" cannot be watched: Warren has neither a key-value store nor events")
        case "": throw fault("Watch type must be specified")
        default: throw fault("Unsupported watch type: \(type)")
        }
    }

    private func handler(
        _ found: WatchMembers, _ fault: (String) -> DefinitionFault
    ) throws(DefinitionFault) -> WatchDefinition.Handler {
        let command = found.texts["handler"] ?? ""
        if !command.isEmpty, !found.arguments.isEmpty {
            throw fault("Cannot specify both \"handler\" and \"args\"")
        }
        switch found.texts["handler_type"] ?? "script" {
        case "script":
            // The older of the two is a line for a shell, as it always was.
            if !command.isEmpty { return .program(["/bin/sh", "-c", command]) }
            guard !found.arguments.isEmpty else { throw fault("a handler is missing: give \"args\"") }
            return .program(found.arguments)
        case "http":
            guard let post = found.post else { throw fault("handler type \"http\" needs \"http_handler_config\"") }
            return post
        case let other: throw fault("Handler type \"\(other)\" not recognized; want \"script\" or \"http\"")
        }
    }

    private mutating func post(_ reader: Reader) throws(DefinitionFault) -> WatchDefinition.Handler {
        var url = ""
        var method = "POST"
        var header: [String: [String]] = [:]
        var timeout = Duration.seconds(10)
        var skipVerify = false
        try members(reader, Self.postVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "path": url = try self.string(value)
            case "method": method = try self.string(value)
            case "timeout": timeout = try self.duration(value)
            case "header": header = try self.headers(value)
            default: skipVerify = try self.bool(value)
            }
        }
        guard !url.isEmpty else { throw .rule("\(reader.path): Requires \"path\" to be set") }
        return .http(url: url, method: method, header: header, timeout: timeout, skipVerify: skipVerify)
    }
}
