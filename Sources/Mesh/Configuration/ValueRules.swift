import JSON

/// What a key's value must be besides of the right kind. Looked at file by file, so that the file can be named.
enum ValueRules {
    /// Says what is wrong with the value of a key, or nothing; `key` is the path with dots.
    static func problem(_ key: String, _ value: Value) -> String? {
        switch key {
        case "bind_addr": address(value)
        case "advertise_addr", "advertise_addr_wan", "serf_lan", "serf_wan": address(value)
        case "advertise_addr_ipv4", "advertise_addr_wan_ipv4":
            address(value) ?? (HostText.isIPv4(value.string ?? "") || isOpen(value) ? nil : "want an IPv4 address")
        case "advertise_addr_ipv6", "advertise_addr_wan_ipv6":
            address(value) ?? (HostText.isIPv6(value.string ?? "") || isOpen(value) ? nil : "want an IPv6 address")
        case "client_addr", "addresses.http", "addresses.dns": addresses(value)
        case "domain", "alt_domain": domain(value)
        case "connect.ca_config": authority(value)
        case "http_config.allow_write_http_from", "serf_lan_allowed_cidrs", "serf_wan_allowed_cidrs": networks(value)
        case "unix_sockets.mode": mode(value)
        case "log_rotate_bytes", "log_rotate_max_files", "http_config.max_header_bytes", "check_output_max_size",
            "limits.http_max_conns_per_client", "dns_config.soa.refresh", "dns_config.soa.retry",
            "dns_config.soa.expire", "dns_config.soa.min_ttl":
            (value.integer ?? 0) < (key == "log_rotate_max_files" ? -1 : 0) ? "cannot be negative" : nil
        case "log_rotate_duration":
            ((try? Duration(go: value.string ?? "")) ?? .zero) < .zero ? "cannot be negative" : nil
        default: nil
        }
    }

    /// An empty text leaves a key as it is; a template has a refusal of its own when all files are read.
    private static func isOpen(_ value: Value) -> Bool {
        let text = value.string ?? ""
        return text.isEmpty || text.contains("{{")
    }

    private static func address(_ value: Value) -> String? {
        guard !isOpen(value), let text = value.string else { return nil }
        return HostText.isIP(text) || text == "[::]" ? nil : "\(text.goQuoted) is no IP address"
    }

    private static func addresses(_ value: Value) -> String? {
        guard !isOpen(value), let text = value.string else { return nil }
        for word in text.split(separator: " ").map(String.init) where !word.hasPrefix("unix://") {
            if !HostText.isIP(word), word != "localhost" {
                return "\(word.goQuoted) is neither an IP address nor a unix:// path"
            }
        }
        return nil
    }

    private static func domain(_ value: Value) -> String? {
        guard let text = value.string, !text.isEmpty else { return nil }
        return HostText.domainFault(text).map { "\(text.goQuoted) \($0)" }
    }

    private static func authority(_ value: Value) -> String? {
        if value == .null { return nil }
        guard let block = value.object else { return "want an object" }
        return CASettings.problem(inFile: block).map { "\($0.key): \($0.text)" }
    }

    private static func networks(_ value: Value) -> String? {
        for text in value.array?.compactMap(\.string) ?? [] where IPNetwork(text) == nil {
            return "\(text.goQuoted) is no network such as \"10.0.0.0/8\""
        }
        return nil
    }

    private static func mode(_ value: Value) -> String? {
        guard let text = value.string, !text.isEmpty else { return nil }
        let isOctal = text.utf8.count <= 4 && text.utf8.allSatisfy { (0x30...0x37).contains($0) }
        return isOctal ? nil : "\(text.goQuoted) is no file mode such as \"0600\""
    }
}
