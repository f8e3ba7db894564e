import JSON

/// Compares two answers as far as they can be alike: what is random or counts on is compared by its shape.
struct Comparison {
    /// Which of Consul's two recorded versions the answer is of. Ours follow 1.9, so a 1.2 answer is compared as a 1.2
    /// client sees ours: members that 1.9 added are passed over, and those it leaves out must have been empty.
    let isOld: Bool
    var differences: [String] = []

    init(isOld: Bool) { self.isOld = isOld }

    /// Members that ours have and the recorded ones do not.
    ///
    /// `ProxyDestination` is for 1.2's proxy, which finds upstreams by it. `warren` is a block of our own.
    static let additions = Set([
        "ProxyDestination", "ServiceProxyDestination", "warren", "ConnectProxyAllowManagedRoot",
        "ConnectProxyBindMaxPort", "ConnectProxyBindMinPort", "ConnectProxyDefaultExecMode", "EnableUI", "LogLevel",
    ])

    /// Members that the recorded answers have and ours do not.
    ///
    /// `Hash` of an intention is for replication between datacenters. The rest describe raft, gossip and the Go runtime.
    static let omissions = Set([
        "Hash", "raft", "serf_lan", "serf_wan", "__trimmed__", "envoy", "non_voter", "read_replica",
        "serf_protocol_current", "serf_protocol_max", "serf_protocol_min", "ft_fs", "ft_si", "cpu_count", "goroutines",
        "max_procs", "GRPCAddrs", "GRPCPort", "EnableCentralServiceConfig",
    ])

    /// Members whose values differ from run to run.
    private static let managedPorts = Int64(20000)...20255

    private static let free = Set([
        "CreateIndex", "ModifyIndex", "ContentHash", "SerialNumber", "SigningKeyID", "CertPEM", "PrivateKeyPEM",
        "RootCert", "NotBefore", "NotAfter", "ValidAfter", "ValidBefore", "CreatedAt", "UpdatedAt", "LegacyCreateTime",
        "LegacyUpdateTime", "Version", "build",
        "version", "Timestamp", "ActiveRootID", "Command", "raft_version", "bootstrap", "Output", "check_ttls",
        "EnableUI",
        "check_monitors", "checks", "services",
    ])

    mutating func compare(_ recorded: Value, _ own: Value, at path: String = "") {
        // 1.2 writes null where later versions have an empty or a filled block.
        if isOld && recorded == .null { return }
        switch (recorded, own) {
        case (.object(let left), .object(let right)): compare(left, right, at: path)
        case (.array(let left), .array(let right)):
            if left.count != right.count {
                differences.append("\(path): \(left.count) elements recorded, ours \(right.count)")
                return
            }
            for (place, (a, b)) in zip(left, right).enumerated() { compare(a, b, at: "\(path)[\(place)]") }
        case (.string(let left), .string(let right)):
            if Self.spelled(left) != Self.spelled(right) {
                differences.append("\(path): \"\(left)\" recorded, ours \"\(right)\"")
            }
        case (.integer(let left), .integer(let right)) where Self.managedPorts ~= left && Self.managedPorts ~= right:
            break
        default:
            if recorded != own && !(isOld && Self.isEmpty(recorded) && Self.isEmpty(own)) {
                differences.append("\(path): \(recorded.text()) recorded, ours \(own.text())")
            }
        }
    }

    private mutating func compare(_ left: Object, _ right: Object, at path: String) {
        let isMap = path.hasSuffix("Tags") || path.hasSuffix("TaggedAddresses")
        var common: [String] = []
        for member in left.members {
            let place = path.isEmpty ? member.key : "\(path).\(member.key)"
            guard let value = right[member.key] else {
                if Self.omissions.contains(member.key) || (isOld && Self.isEmpty(member.value)) { continue }
                differences.append("\(place): \(member.value.text()) recorded, ours has none")
                continue
            }
            common.append(member.key)
            let isRootName = isOld && member.key == "Name" && path.hasPrefix("Roots")
            if Self.free.contains(member.key) || isRootName {
                compareKinds(member.value, value, at: place)
            } else {
                compare(member.value, value, at: place)
            }
        }
        for member in right.members where left[member.key] == nil {
            if isOld || Self.additions.contains(member.key) { continue }
            differences.append("\(path).\(member.key): ours \(member.value.text()), none recorded")
        }
        let order = right.keys.filter { left[$0] != nil }
        if order != common && !isOld && !isMap {
            differences.append("\(path): key order \(common) recorded, ours \(order)")
        }
    }

    private mutating func compareKinds(_ left: Value, _ right: Value, at path: String) {
        if left.kind != right.kind { differences.append("\(path): a \(left.kind) recorded, ours a \(right.kind)") }
        if case (.integer(let a), .integer(let b)) = (left, right), (a == 0) != (b == 0) {
            differences.append("\(path): \(a) recorded, ours \(b)")
        }
    }

    private static func isEmpty(_ value: Value) -> Bool {
        switch value {
        case .null: true
        case .bool(let truth): !truth
        case .integer(let number): number == 0
        case .double(let number): number == 0
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let object): object.members.allSatisfy { isEmpty($0.value) }
        }
    }

    /// The several sentences of an error as 1.2 and 1.9 list them, made alike.
    static func unlisted(_ text: String) -> String {
        guard text.contains("occurred:") else { return text }
        let lines = text.split(separator: "\n").dropFirst().map { line in
            String(line.drop { "\t* ".contains($0) })
        }
        return lines.joined(separator: "\n")
    }

    /// A text without what is random in it: UUIDs, fingerprints, ports of managed proxies, times.
    static func spelled(_ text: String) -> String {
        var text = Bindings.blanked(text)
        if text.utf8.count >= 59,
            text.utf8.allSatisfy({ $0 == 0x3a || ($0 < 0x80 && Character(Unicode.Scalar($0)).isHexDigit) })
        {
            text = "<fingerprint>"
        }
        if text.hasPrefix("-----BEGIN CERTIFICATE-----") { return "<certificate>" }
        if text.hasPrefix("TCP connect 127.0.0.1:20") { text = "TCP connect <managed port>" }
        return text
    }
}
