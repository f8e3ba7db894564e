import HTTP
import JSON
import Mesh

/// `/v1/connect/intentions…`: who may connect to whom.
enum ConnectIntentions {
    static let routes = [
        Route(["GET", "POST"], "/v1/connect/intentions", collection),
        Route(["GET"], "/v1/connect/intentions/match", match),
        Route(["GET"], "/v1/connect/intentions/check", check),
        Route(["GET", "PUT", "DELETE"], "/v1/connect/intentions/exact", exact),
        Route(["GET", "PUT", "DELETE"], "/v1/connect/intentions/", one),
    ]

    // MARK: All

    @Sendable static func collection(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        call.request.method == "GET" ? try list(core, call) : try create(core, call)
    }

    private static func list(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let filter = try core.filter(call, .intention)
        return try core.blocking(call, on: [.intentions], index: core.intentions.index, effective: false) {
            () throws(Refusal) in
            let visible = core.intentions.list().filter { mayRead($0, permit) }
            return .array(visible.map(shape).filter { filter?.accepts($0) ?? true })
        }
    }

    private static func mayRead(_ intention: Intention, _ permit: Access) -> Bool {
        permit.allows(.intentionRead(intention.destinationName)) || permit.allows(.intentionRead(intention.sourceName))
    }

    private static func create(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: call.request.body, limits: Limits(bytes: 1 << 20, depth: 64))
        } catch {
            throw Refusal(500, "Failed to decode request body: \(error.streamText)")
        }
        let draft = try draft(value, status: 500, preface: "Failed to decode request body: ")
        let permit = try core.permit(call)
        guard permit.allows(.intentionWrite(draft.destinationName)) else { throw .permissionDenied }
        let id = core.chance.uuid()
        let made = try core.changeIntentions { (table, index) throws(IntentionError) in
            try table.create(draft, id: id, index: index, now: Timestamp(nanoseconds: call.now.wall))
        }
        core.persist(made)
        return .answer(.json(["ID": .string(id)]))
    }

    private static func draft(_ value: Value, status: Int, preface: String) throws(Refusal) -> IntentionDraft {
        let body = Reader(value)
        do throws(TypeError) {
            func text(_ key: String) throws(TypeError) -> String { try body.member(key)?.string() ?? "" }
            var meta: [String: String] = [:]
            for (key, value) in try body.member("Meta")?.stringMembers() ?? [] { meta[key] = value }
            return IntentionDraft(
                id: try text("ID"), description: try text("Description"), sourceNamespace: try text("SourceNS"),
                sourceName: try text("SourceName"), destinationNamespace: try text("DestinationNS"),
                destinationName: try text("DestinationName"), sourceType: try text("SourceType"),
                action: try text("Action"), meta: meta,
                permissionCount: try body.member("Permissions")?.elements().count ?? 0)
        } catch {
            throw Refusal(status, preface + goSentence(error))
        }
    }

    /// Key order is Consul 1.9's. A rule written by its names alone has no id and no times.
    static func shape(_ intention: Intention) -> Value {
        var object = Object()
        if !intention.id.isEmpty {
            object.append("CreatedAt", .string(intention.createdAt.description))
            object.append("UpdatedAt", .string(intention.updatedAt.description))
            object.append("ID", .string(intention.id))
        }
        if !intention.description.isEmpty { object.append("Description", .string(intention.description)) }
        object.append("SourceNS", .string(intention.sourceNamespace))
        object.append("SourceName", .string(intention.sourceName))
        object.append("DestinationNS", .string(intention.destinationNamespace))
        object.append("DestinationName", .string(intention.destinationName))
        object.append("SourceType", .string(intention.sourceType))
        object.append("Action", .string(intention.action.rawValue))
        if !intention.meta.isEmpty { object.append("Meta", intention.meta.json) }
        object.append("Precedence", .number(intention.precedence))
        object.append("CreateIndex", .number(intention.createIndex))
        object.append("ModifyIndex", .number(intention.modifyIndex))
        return .object(object)
    }

    // MARK: One, by id

    @Sendable static func one(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let id = call.rest
        switch call.request.method {
        case "PUT": return try update(core, call, permit)
        case "DELETE":
            if let old = try? core.intentions.get(id: id), !permit.allows(.intentionWrite(old.destinationName)) {
                throw .permissionDenied
            }
            let gone = try core.changeIntentions { (table, index) throws(IntentionError) in
                try table.delete(id: id, index: index)
            }
            core.persist(gone, isGone: true)
            return .answer(.json(true))
        default:
            let found = try core.read { () throws(IntentionError) in try core.intentions.get(id: id) }
            guard let found else { throw Refusal(404, "Intention not found") }
            guard mayRead(found, permit) else { throw .permissionDenied }
            return .answer(.json(shape(found)))
        }
    }

    private static func update(_ core: AgentCore, _ call: Call, _ permit: Access) throws(Refusal) -> Reply {
        let body = try call.body("Bad request: Request decode failed: ")
        let draft = try draft(body, status: 400, preface: "Bad request: Request decode failed: ")
        guard permit.allows(.intentionWrite(draft.destinationName)) else { throw .permissionDenied }
        let old = try? core.intentions.get(id: call.rest)
        if let old, !permit.allows(.intentionWrite(old.destinationName)) { throw .permissionDenied }
        let made = try core.changeIntentions { (table, index) throws(IntentionError) in
            try table.update(draft, id: call.rest, index: index, now: Timestamp(nanoseconds: call.now.wall))
        }
        core.persist(made)
        return .answer(.json(["ID": .string(call.rest)]))
    }

    // MARK: One, by names

    @Sendable static func exact(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let source = try name(call, "source", core)
        let destination = try name(call, "destination", core)
        let permit = try core.permit(call)
        switch call.request.method {
        case "PUT":
            let body = try call.body("Bad request: Request decode failed: ")
            var draft = try draft(body, status: 400, preface: "Bad request: Request decode failed: ")
            draft.id = ""
            draft.sourceNamespace = source.namespace
            draft.sourceName = source.name
            draft.destinationNamespace = destination.namespace
            draft.destinationName = destination.name
            guard permit.allows(.intentionWrite(destination.name)) else { throw .permissionDenied }
            let wish = draft
            let made = try core.changeIntentions { (table, index) throws(IntentionError) in
                try table.upsert(wish, index: index, now: Timestamp(nanoseconds: call.now.wall))
            }
            core.persist(made)
            return .answer(.json(true))
        case "DELETE":
            guard permit.allows(.intentionWrite(destination.name)) else { throw .permissionDenied }
            let gone = try core.changeIntentions { (table, index) throws(IntentionError) in
                table.delete(source: source.name, destination: destination.name, index: index)
            }
            if let gone { core.persist(gone, isGone: true) }
            return .answer(.json(true))
        default:
            guard let found = core.intentions.get(source: source.name, destination: destination.name) else {
                throw Refusal(404, "Intention not found")
            }
            guard mayRead(found, permit) else { throw .permissionDenied }
            return .answer(.json(shape(found)))
        }
    }

    private static func name(_ call: Call, _ key: String, _ core: AgentCore) throws(Refusal) -> IntentionName {
        guard let text = call.target[key], !text.isEmpty else {
            throw Refusal(500, "required query parameter '\(key)' not set")
        }
        return try core.read { () throws(IntentionError) in try IntentionName(parsing: text) }
    }

    // MARK: Questions

    @Sendable static func match(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard let by = call.target["by"], !by.isEmpty else {
            throw Refusal(500, "required query parameter 'by' not set")
        }
        guard let side = IntentionSide(rawValue: by) else {
            throw Refusal(500, "'by' parameter must be one of 'source' or 'destination'")
        }
        let texts = call.target.all("name")
        guard !texts.isEmpty else { throw Refusal(500, "required query parameter 'name' not set") }
        let permit = try core.permit(call)
        var names: [(text: String, name: IntentionName)] = []
        for text in texts {
            let name = try core.read { () throws(IntentionError) in try IntentionName(parsing: text) }
            guard
                side == .destination
                    ? permit.allows(.intentionMatch(destination: name.name)) : permit.allows(.intentionRead(name.name))
            else { throw .permissionDenied }
            names.append((text, name))
        }
        let table = core.intentions
        let index = names.map { table.matchIndex(side, $0.name) }.max() ?? 0
        let watches = Set(names.map(\.name.name) + ["*"]).map { Watch.intentionsNaming(side, $0) }
        return try core.blocking(call, on: watches, index: index) { () throws(Refusal) in
            var object = Object()
            for (text, name) in names {
                let found = table.match(side, name)
                object[text] = found.isEmpty ? .null : .array(found.map(shape))
            }
            return .object(object)
        }
    }

    @Sendable static func check(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let source = try name(call, "source", core)
        let destination = try name(call, "destination", core)
        guard try core.permit(call).allows(.serviceRead(destination.name)) else { throw .permissionDenied }
        let verdict = try core.read { () throws(IntentionError) in
            try core.intentions.check(
                source: source, destination: destination, sourceType: call.target["source-type"] ?? "",
                fallback: core.access.intentionDefault)
        }
        return .answer(.json(["Allowed": .bool(verdict.isAllowed)]))
    }
}
