import HTTP
import JSON
import Mesh

extension Suite {
    mutating func control() throws {
        if wants("http") { try http() }
        if wants("json") { try json() }
        if wants("intentions") { intentions() }
        if wants("authorize") { try authorize() }
        if wants("balance") { balance() }
    }

    private mutating func http() throws {
        let text = Array(
            ("GET /v1/health/connect/web?passing=1&index=42&wait=60s HTTP/1.1\r\nHost: 127.0.0.1:8500\r\n"
                + "User-Agent: Go-http-client/1.1\r\nX-Consul-Token: 7b0e4b2c-1f4f-4f0a-9f53-0b5a9a0c7c11\r\n"
                + "Accept-Encoding: gzip\r\n\r\n").utf8)
        var collector = RequestCollector()
        var fault: MessageFault?
        text.withUnsafeBytes { bytes in
            measure("http request, \(text.count) bytes parsed", "request", bytes: text.count) { repetitions in
                do throws(MessageFault) {
                    for _ in 0..<repetitions {
                        var place = 0
                        keep(try collector.next(bytes, &place))
                    }
                } catch {
                    fault = error
                }
            }
        }
        if let fault { throw fault }
        try answers()
    }

    /// What an agent answers, and a body in chunks.
    private mutating func answers() throws {
        let agent = Array(
            ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Accept-Encoding\r\nX-Consul-Index: 118\r\n"
                + "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                + "Content-Length: 14\r\n\r\n[\n    \"dc1\"\n]\n").utf8)
        var chunked = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for _ in 0..<64 { chunked += Array("1000\r\n".utf8) + [UInt8](repeating: 97, count: 4096) + Array("\r\n".utf8) }
        chunked += Array("0\r\n\r\n".utf8)
        var fault: MessageFault?
        for (name, wire) in [("an agent's answer parsed", agent), ("64 chunks of 4 KiB parsed", chunked)] {
            var parser = ResponseParser()
            wire.withUnsafeBytes { bytes in
                measure("http, \(name)", "answer", bytes: wire.count) { repetitions in
                    do throws(MessageFault) {
                        for _ in 0..<repetitions {
                            var place = 0
                            while place < bytes.count { keep(try parser.next(bytes, &place)) }
                        }
                    } catch {
                        fault = error
                    }
                }
            }
        }
        if let fault { throw fault }
    }

    private mutating func json() throws {
        let entry =
            #"{"Node":{"ID":"8f3e1c5a","Node":"n1","Address":"127.0.0.1","Datacenter":"dc1"},"Service":{"ID":"web-1","#
            + #""Service":"web","Tags":["v1","primary"],"Address":"10.0.0.17","Port":8080,"Weights":{"Passing":1,"#
            + #""Warning":1}},"Checks":[{"CheckID":"serfHealth","Status":"passing","Output":""}]}"#
        let text = Array(("[" + Array(repeating: entry, count: 10).joined(separator: ",") + "]").utf8)
        let value = try Value(parsing: text)
        measure("json answer of ten instances, parsed", "answer", bytes: text.count) { repetitions in
            for _ in 0..<repetitions { keep(try? Value(parsing: text)) }
        }
        measure("json answer of ten instances, written", "answer", bytes: text.count) { repetitions in
            for _ in 0..<repetitions { keep(value.bytes()) }
        }
    }

    /// Cost of a decision as rules grow: flat is right.
    private mutating func intentions() {
        for count in [10, 1000, 100_000] {
            let rules = (0..<count).map { number in
                Intention(
                    id: "\(number)", sourceName: "source-\(number)", destinationName: "web",
                    action: number % 2 == 0 ? .allow : .deny)
            }
            let set = IntentionSet(
                destination: "web", rules: rules, trustDomain: "bench.consul", fallback: .policy(allows: false))
            var random = SplitMix(seed: 3)
            let known = (0..<1024).map { _ in
                ServiceIdentity(
                    trustDomain: "bench.consul", datacenter: "dc1",
                    service: "source-\(random.next() % UInt64(count))")
            }
            measure("intentions, decide among \(count)", "decision") { repetitions in
                for number in 0..<repetitions { keep(set.decide(known[number & 1023])) }
            }
            let stranger = ServiceIdentity(trustDomain: "bench.consul", datacenter: "dc1", service: "stranger")
            measure("intentions, no rule among \(count)", "decision") { repetitions in
                for _ in 0..<repetitions { keep(set.decide(stranger)) }
            }
            guard count <= 1000 else { continue }
            measure("intentions, snapshot of \(count) built", "snapshot") { repetitions in
                for _ in 0..<repetitions {
                    keep(
                        IntentionSet(
                            destination: "web", rules: rules, trustDomain: "bench.consul",
                            fallback: .policy(allows: false)))
                }
            }
        }
    }
}
