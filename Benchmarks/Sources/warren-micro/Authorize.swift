import JSON
import Mesh

extension Suite {
    /// A decision of the agent's: by names, from the certificate's URI, and from the request's body to the answer's. Flat as
    /// rules grow is right.
    mutating func authorize() throws {
        let trustDomain = "8c7a1b2e-52d1-4a3c-9f0e-6b1d2c3a4e5f.consul"
        for count in [10, 100_000] {
            let table = try rules(count)
            let callers = (0..<1024).map { $0 * max(1, count / 1024) % count }
            let clients = callers.map {
                ServiceIdentity(trustDomain: trustDomain, datacenter: "dc1", service: "caller-\($0)")
            }
            let targets = callers.map { "callee-\($0 % 1000)" }
            let uris = callers.map { "spiffe://\(trustDomain)/ns/default/dc/dc1/svc/caller-\($0)" }
            let bodies = zip(uris, targets).map { uri, target in
                Array(
                    #"{"Target":"\#(target)","ClientCertURI":"\#(uri)","ClientCertSerial":"04:00:00:00:00:01:15:4a"}"#
                        .utf8)
            }
            measure("authorize, decide among \(count)", "decision") { repetitions in
                for round in 0..<repetitions {
                    keep(
                        table.authorize(
                            clients[round & 1023], target: targets[round & 1023], trustDomain: trustDomain,
                            fallback: .policy(allows: false)))
                }
            }
            measure("authorize, certificate's URI to verdict among \(count)", "decision") { repetitions in
                for round in 0..<repetitions {
                    keep(table.verdict(uris[round & 1023], targets[round & 1023], trustDomain))
                }
            }
            measure("authorize, body to body among \(count)", "request") { repetitions in
                for round in 0..<repetitions { keep(table.answer(bodies[round & 1023], trustDomain)) }
            }
        }
    }

    private func rules(_ count: Int) throws(IntentionError) -> IntentionTable {
        var table = IntentionTable()
        for number in 0..<count {
            try table.restore(
                Intention(
                    id: "", sourceName: "caller-\(number)", destinationName: "callee-\(number % 1000)",
                    action: number % 2 == 0 ? .allow : .deny))
        }
        return table
    }
}

extension IntentionTable {
    /// What stands between a client's URI and the agent's verdict.
    fileprivate func verdict(_ uri: String, _ target: String, _ trustDomain: String) -> Authorization? {
        guard let client = try? IntentionTable.authorizeClient(target: target, clientURI: uri) else { return nil }
        return authorize(client, target: target, trustDomain: trustDomain, fallback: .policy(allows: false))
    }

    /// The same between the bodies of `POST /v1/agent/connect/authorize` and its answer.
    fileprivate func answer(_ body: [UInt8], _ trustDomain: String) -> [UInt8] {
        guard let request = try? Value(parsing: body), let target = request["Target"]?.string,
            let uri = request["ClientCertURI"]?.string, let found = verdict(uri, target, trustDomain)
        else { return [] }
        let answer: Value = ["Authorized": .bool(found.isAuthorized), "Reason": .string(found.reason)]
        return answer.bytes()
    }
}
