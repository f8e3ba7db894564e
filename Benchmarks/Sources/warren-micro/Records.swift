import PKI
import TLS

/// One end of a session in memory: what has arrived and is not opened yet.
private final class End {
    var session: Session
    let inbox = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
    let outbox = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
    var arrived = 0

    init(_ session: consuming Session) { self.session = session }

    deinit {
        inbox.deallocate()
        outbox.deallocate()
    }

    /// One call of the session with what arrived; what it sends arrives at `other`.
    func step(_ other: End, _ call: (inout Session, inout CipherWindow, inout CipherSink) throws(TLSFault) -> Void)
        throws(TLSFault)
    {
        var window = CipherWindow(UnsafeMutableRawBufferPointer(rebasing: inbox[..<arrived]))
        var sink = CipherSink(outbox)
        try call(&session, &window, &sink)
        let rest = window.rest
        if rest.count > 0 { inbox.baseAddress!.copyMemory(from: rest.baseAddress!, byteCount: rest.count) }
        arrived = rest.count
        let sent = sink.written
        if sent.count > 0 {
            (other.inbox.baseAddress! + other.arrived).copyMemory(from: sent.baseAddress!, byteCount: sent.count)
            other.arrived += sent.count
        }
    }
}

/// Certificates of one mesh and an engine.
private struct Parties {
    let trust: TLSTrust
    let identities: (client: TLSIdentity, server: TLSIdentity)

    init() throws(PKIError) {
        let validity = Validity(notBefore: 1_700_000_000, notAfter: 4_000_000_000)
        let domain = "spiffe://bench.consul"
        let root = try PKI.Authority.selfSigned(
            .root(commonName: "Bench CA", serial: SerialNumber(1), validity: validity, uriNames: [domain]),
            key: PrivateKey.generate())
        func identity(_ name: String, _ serial: UInt64) throws(PKIError) -> TLSIdentity {
            let key = try PrivateKey.generate()
            let leaf = try root.issue(
                .leaf(
                    commonName: name, serial: SerialNumber(serial), validity: validity,
                    uriNames: ["\(domain)/ns/default/dc/dc1/svc/\(name)"]), for: key.publicKey)
            return TLSIdentity(chain: Array(try leaf.pem().utf8), key: Array(try key.unwipedPEM().utf8))
        }
        trust = TLSTrust(roots: Array(try root.certificate.pem().utf8))
        identities = (try identity("up", 2), try identity("pub", 3))
    }

    func contexts(_ engine: TLSEngine, _ change: (inout TLSPolicy) -> Void) throws(TLSFault) -> (
        client: TLSContext, server: TLSContext
    ) {
        var policy = TLSPolicy()
        change(&policy)
        let tickets = policy.resumptionSeconds > 0 ? try TicketKeys() : nil
        return (
            try TLSContext(
                role: .client, identity: identities.client, trust: trust, policy: policy, engine: engine),
            try TLSContext(
                role: .server, identity: identities.server, trust: trust, policy: policy, tickets: tickets,
                engine: engine)
        )
    }
}

/// A client and a server with the handshake behind them.
private func pair(_ contexts: (client: TLSContext, server: TLSContext), settled: Bool = true) throws(TLSFault) -> (
    client: End, server: End
) {
    let client = End(try Session(context: contexts.client, resumption: "bench"))
    let server = End(try Session(context: contexts.server))
    var states = (client: HandshakeProgress.wantsInput, server: HandshakeProgress.wantsInput)
    for _ in 0..<8 where states.client != .complete || states.server != .complete {
        if states.client != .complete {
            try client.step(server) { session, window, sink throws(TLSFault) in
                states.client = try session.handshake(input: &window, output: &sink)
            }
        }
        if states.server != .complete {
            try server.step(client) { session, window, sink throws(TLSFault) in
                states.server = try session.handshake(input: &window, output: &sink)
            }
        }
    }
    guard states.client == .complete, states.server == .complete else {
        throw TLSFault(.internal, detail: "the handshake in memory does not end")
    }
    if settled {
        // The server's tickets wait in front of the first record.
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 64)
        defer { scratch.deallocate() }
        try client.step(server) { session, window, sink throws(TLSFault) in
            _ = try session.open(input: &window, into: scratch, output: &sink)
        }
    }
    return (client, server)
}

extension Suite {
    mutating func tls() throws {
        guard wants("tls") else { return }
        let parties = try Parties()
        let plain = try TLSEngine(accelerator: .none)
        try records(parties, plain, "attached") { $0.records = .attached }
        try records(parties, plain, "detached") { $0.records = .detached }
        let fast = try TLSEngine(accelerator: .automatic)
        if fast.recordProtection != plain.recordProtection {
            try records(parties, fast, "detached, accelerated") { $0.records = .detached }
        }
        try handshakes(parties, plain, "full, peers verified anew") {
            $0.resumptionSeconds = 0
            $0.verifiedPeerSeconds = 0
        }
        try handshakes(parties, plain, "full, peers verified a moment ago") { $0.resumptionSeconds = 0 }
        try handshakes(parties, plain, "resumed") { _ in }
    }

    private mutating func records(
        _ parties: Parties, _ engine: TLSEngine, _ mode: String, _ change: (inout TLSPolicy) -> Void
    ) throws {
        let ends = try pair(try parties.contexts(engine, change))
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16384, alignment: 64)
        let opened = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
        defer {
            bytes.deallocate()
            opened.deallocate()
        }
        bytes.initializeMemory(as: UInt8.self, repeating: 7)
        var fault: TLSFault?
        for size in [64, 1024, 16384] {
            let text = UnsafeRawBufferPointer(rebasing: bytes[..<size])
            measure("tls record \(mode), seal and open \(size) bytes", "record", bytes: size) { repetitions in
                do throws(TLSFault) {
                    for _ in 0..<repetitions {
                        try ends.client.step(ends.server) { session, _, sink throws(TLSFault) in
                            keep(try session.seal(text, output: &sink))
                        }
                        try ends.server.step(ends.client) { session, window, sink throws(TLSFault) in
                            let result = try session.open(input: &window, into: opened, output: &sink)
                            guard result.count == size else {
                                throw TLSFault(.internal, detail: "a record of \(size) bytes came as \(result.count)")
                            }
                        }
                    }
                } catch {
                    fault = error
                }
            }
        }
        if let fault { throw fault }
    }

    private mutating func handshakes(
        _ parties: Parties, _ engine: TLSEngine, _ mode: String, _ change: (inout TLSPolicy) -> Void
    ) throws {
        let contexts = try parties.contexts(engine, change)
        let first = try pair(contexts)
        withExtendedLifetime(first) {}
        var fault: TLSFault?
        let before = contexts.server.counters.resumed
        var done = 0
        // Which of OpenSSL's blocks are at hand depends on all that went before, and on the sizes of keys and signatures.
        measure("tls handshake \(mode), both ends", "handshake", counted: 200, variation: 1) { repetitions in
            do throws(TLSFault) {
                for _ in 0..<repetitions { withExtendedLifetime(try pair(contexts)) {} }
                done += repetitions
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        let resumed = Int(contexts.server.counters.resumed - before)
        guard done == 0 || (mode == "resumed") == (resumed >= done - 1 && resumed > 0) else {
            throw TLSFault(.internal, detail: "of \(done) handshakes meant as \"\(mode)\", \(resumed) were resumed")
        }
    }
}
