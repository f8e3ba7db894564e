// Feeds the responder with any packet: it must answer or stay silent, within the size the asker takes, with something that
// parses, and what parses must survive being written again.
//
// Build and run from the package's root:
//   swiftc -O -parse-as-library -sanitize=fuzzer,address Sources/DNS/*.swift Fuzz/dns/dns.swift -o /tmp/fuzz-dns
//   SWIFT_BACKTRACE=enable=no /tmp/fuzz-dns -max_len=1024 -max_total_time=60 Fuzz/dns/corpus

struct FuzzCatalog: DNSCatalog {
    let one = DNSNode(name: "node1", datacenter: "dc1", address: "127.0.0.1", meta: [.init("k", "v")])

    func knows(datacenter: String) -> Bool { datacenter != "dc9" }
    func instances(of service: String, tag: String?, datacenter: String) -> [DNSInstance] {
        (0..<service.utf8.count).map { number in
            DNSInstance(
                node: one, address: tag == nil ? "10.0.0.\(number)" : service, port: UInt16(number),
                status: number % 5 == 4 ? .critical : .passing)
        }
    }
    func connectInstances(of service: String, datacenter: String) -> [DNSInstance] {
        [DNSInstance(node: DNSNode(name: service, datacenter: datacenter, address: service), port: 1)]
    }
    func node(named name: String, datacenter: String) -> DNSNode? { one }
    func node(at address: DNSAddress) -> DNSNode? { address.bytes.first == 127 ? one : nil }
    func service(at address: DNSAddress) -> String? { "web" }
    func servers() -> [DNSNode] { [one] }
}

/// libFuzzer calls this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDNS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let packet = Array(UnsafeBufferPointer(start: start, count: count))
    let responder = DNSResponder(settings: DNSSettings(datacenter: "dc1"))
    var random = SystemRandomNumberGenerator()
    for transport in [DNSResponder.Transport.udp, .tcp] {
        guard
            let reply = responder.answer(packet, over: transport, from: FuzzCatalog(), serial: 1, random: &random)
        else { continue }
        precondition(reply.count <= (transport == .udp ? 4_096 : 65_535), "too long")
        guard let message = try? DNSMessage(parsing: reply) else { fatalError("an answer that does not parse") }
        precondition(message.isResponse && reply[0] == packet[0] && reply[1] == packet[1])
    }
    if let message = try? DNSMessage(parsing: packet), message.bytes.count <= 65_535 {
        guard let again = try? DNSMessage(parsing: message.bytes) else { fatalError("does not survive writing") }
        precondition(again.answers == message.answers && again.questions == message.questions)
    }
    var stream = DNSStream()
    stream.receive(packet)
    while stream.next() != nil {}
    return 0
}
