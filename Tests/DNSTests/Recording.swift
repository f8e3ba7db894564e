import Glibc

@testable import DNS

/// One `dig` run against a real agent, taken apart.
struct Recording {
    var name = ""
    var type = DNSType.a
    var edns: UInt16? = 1_232
    var isTCP = false
    var status = ""
    var flags: Set<String> = []
    var hasOPT = false
    var sections: [String: [String]] = [:]
    var size = 0

    init(_ file: String) {
        var section = ""
        for line in Self.lines(of: file) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            if line.hasPrefix("$ dig") {
                if let place = words.firstIndex(of: "-x") {
                    name = words[place + 1].split(separator: ".").reversed().joined(separator: ".") + ".in-addr.arpa"
                    type = .ptr
                } else {
                    name = words[words.count - 2]
                    type = Self.types[words[words.count - 1]]!
                }
                if let size = words.first(where: { $0.hasPrefix("+bufsize=") }) { edns = UInt16(size.dropFirst(9)) }
            } else if line.hasPrefix(";; ->>HEADER<<-") {
                status = String(words[5].dropLast())
            } else if line.hasPrefix(";; flags:") {
                flags = Set(line.dropFirst(9).prefix { $0 != ";" }.split(separator: " ").map(String.init))
            } else if line.hasPrefix("; EDNS:") {
                hasOPT = true
            } else if line.hasSuffix(" SECTION:") {
                section = words[1]
            } else if line.hasPrefix(";; SERVER:") {
                isTCP = line.hasSuffix("(TCP)")
            } else if line.hasPrefix(";; MSG SIZE") {
                size = Int(words[words.count - 1])!
            } else if !line.isEmpty, !line.hasPrefix(";") {
                sections[section, default: []].append(words.joined(separator: " "))
            }
        }
    }

    static let types: [String: DNSType] = [
        "A": .a, "AAAA": .aaaa, "SRV": .srv, "ANY": .any, "NS": .ns, "SOA": .soa, "TXT": .txt, "PTR": .ptr,
    ]

    private static var folder: String {
        let file = #filePath
        return file.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/Recordings"
    }

    static var all: [String] {
        guard let list = opendir(folder) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".txt") { names.append(name) }
        }
        return names.sorted()
    }

    private static func lines(of file: String) -> [String] {
        let handle = open("\(folder)/\(file)", O_RDONLY)
        precondition(handle >= 0, "no recording \(file)")
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(handle, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

extension DNSRecord {
    /// The record as `dig` prints it, one blank between words.
    var shown: String {
        let words: String
        switch data {
        case .address(.v4(let bytes)): words = "A " + bytes.map(String.init).joined(separator: ".")
        case .address(.v6(let bytes)):
            words = "AAAA " + bytes.map { String($0, radix: 16) }.joined(separator: ":")
        case .ns(let name): words = "NS \(name)"
        case .cname(let name): words = "CNAME \(name)"
        case .ptr(let name): words = "PTR \(name)"
        case .soa(let server, let mailbox, let serial, let refresh, let retry, let expire, let minimum):
            words = "SOA \(server) \(mailbox) \(serial) \(refresh) \(retry) \(expire) \(minimum)"
        case .srv(let priority, let weight, let port, let target): words = "SRV \(priority) \(weight) \(port) \(target)"
        case .txt(let texts):
            words = "TXT " + texts.map { "\"\(String(decoding: $0, as: UTF8.self))\"" }.joined(separator: " ")
        case .other(let type, _): words = "TYPE\(type.rawValue)"
        }
        return "\(name) \(ttl) IN \(words)"
    }
}

/// The catalog that the recorded agent had, open to additions.
struct SmallCatalog: DNSCatalog {
    var nodes = [
        DNSNode(
            name: "node1", datacenter: "dc1", address: "127.0.0.1",
            meta: [DNSNode.Pair("consul-network-segment", "")])
    ]
    var services: [String: [(tags: [String], instance: DNSInstance)]] = [:]
    var proxies: [String: String] = [:]

    init() {
        for (name, port) in [
            ("consul", 8_300), ("service1", 8_081), ("service2", 8_082), ("service2-sidecar-proxy", 21_001),
        ] {
            add(name, DNSInstance(node: nodes[0], port: UInt16(port)))
        }
        proxies["service2"] = "service2-sidecar-proxy"
    }

    mutating func add(_ name: String, tags: [String] = [], _ instance: DNSInstance) {
        services[name, default: []].append((tags, instance))
    }

    func knows(datacenter: String) -> Bool { datacenter == "dc1" }

    func instances(of service: String, tag: String?, datacenter: String) -> [DNSInstance] {
        services[service, default: []].filter { tag == nil || $0.tags.contains(tag!) }.map(\.instance)
    }

    func connectInstances(of service: String, datacenter: String) -> [DNSInstance] {
        proxies[service].map { instances(of: $0, tag: nil, datacenter: datacenter) } ?? []
    }

    func node(named name: String, datacenter: String) -> DNSNode? { nodes.first { $0.name == name } }

    func node(at address: DNSAddress) -> DNSNode? { nodes.first { DNSAddress($0.address) == address } }

    func service(at address: DNSAddress) -> String? {
        services.first { $0.value.contains { DNSAddress($0.instance.address) == address } }?.key
    }

    func servers() -> [DNSNode] { [nodes[0]] }
}
