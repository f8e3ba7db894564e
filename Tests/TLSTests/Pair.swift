import TLS

/// A client and a server of one authority, back to back in memory.
final class Pair {
    let client: Leg
    let server: Leg
    /// How each side failed, if it did.
    var clientFault: TLSFault?
    var serverFault: TLSFault?

    init(_ client: TLSContext, _ server: TLSContext, serverName: String? = nil, resumption: String? = nil) throws {
        self.client = Leg(try Session(context: client, serverName: serverName, resumption: resumption))
        self.server = Leg(try Session(context: server))
    }

    /// Handshake until both are complete or both are stuck. Post-handshake messages stay in flight.
    func shake(random: Random? = nil) {
        var random = random
        for _ in 0..<200_000 {
            let before = (client.done, server.done, client.arrived.count, server.arrived.count)
            let sizes: (Int, Int, Int, Int)
            if random != nil {
                sizes = (random!.upTo(300), random!.upTo(300) + 1, random!.upTo(300), random!.upTo(300) + 1)
            } else {
                sizes = (.max, 65536, .max, 65536)
            }
            if !client.done && clientFault == nil {
                do throws(TLSFault) { _ = try client.shake(limit: sizes.0, room: sizes.1) } catch {
                    clientFault = error
                }
            }
            carry(client, server, limit: random == nil ? .max : random!.upTo(500))
            if !server.done && serverFault == nil {
                do throws(TLSFault) { _ = try server.shake(limit: sizes.2, room: sizes.3) } catch {
                    serverFault = error
                }
            }
            carry(server, client, limit: random == nil ? .max : random!.upTo(500))
            if (client.done || clientFault != nil) && (server.done || serverFault != nil)
                && client.outgoing.isEmpty && server.outgoing.isEmpty
            {
                return
            }
            let after = (client.done, server.done, client.arrived.count, server.arrived.count)
            if random == nil && before == after && client.outgoing.isEmpty && server.outgoing.isEmpty { return }
        }
    }

    /// Whether both sides are through.
    var isUp: Bool { client.done && server.done }

    /// Lets everything in flight arrive and be opened on both sides.
    func settle() throws {
        for _ in 0..<4 {
            carry(client, server)
            if server.done && !server.closed { try server.open(into: 1 << 20) }
            carry(server, client)
            if client.done && !client.closed { try client.open(into: 1 << 20) }
        }
    }
}

/// Contexts of one mesh: a root, a leaf for each side, an engine.
struct Mesh {
    let root = Authority(root: "Root of a test")
    let engine: TLSEngine
    let web: Authority
    let db: Authority

    init(accelerator: TLSEngine.Accelerator = .none, updateAfter: UInt64? = nil, kind: Int32 = 0) throws {
        engine = try TLSEngine(accelerator: accelerator, updateAfter: updateAfter)
        web = Authority(issuer: root, name: "web", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/web", kind: kind)
        db = Authority(
            issuer: root, name: "db", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/db", dns: "db.test", kind: kind)
    }

    func client(
        _ policy: TLSPolicy = TLSPolicy(), identity: TLSIdentity? = nil, trust: TLSTrust? = nil
    ) throws -> TLSContext {
        try TLSContext(
            role: .client, identity: identity ?? web.identity(), trust: trust ?? TLSTrust(roots: root.certificate),
            policy: policy, engine: engine)
    }

    func server(
        _ policy: TLSPolicy = TLSPolicy(), identity: TLSIdentity? = nil, trust: TLSTrust? = nil,
        tickets: TicketKeys? = nil
    ) throws -> TLSContext {
        try TLSContext(
            role: .server, identity: identity ?? db.identity(), trust: trust ?? TLSTrust(roots: root.certificate),
            policy: policy, tickets: tickets, engine: engine)
    }
}

extension TLSPolicy {
    static func with(_ change: (inout TLSPolicy) -> Void) -> TLSPolicy {
        var policy = TLSPolicy()
        change(&policy)
        return policy
    }

    static let only12 = TLSPolicy.with { $0.maximumVersion = .tls12 }
    static let attached = TLSPolicy.with { $0.records = .attached }
    static let detached = TLSPolicy.with { $0.records = .detached }
}
