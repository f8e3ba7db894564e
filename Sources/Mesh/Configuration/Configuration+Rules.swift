extension Configuration {
    /// Refuses what cannot work, in Consul's words where it has some.
    func check() throws(ConfigurationError) {
        let plain = datacenter.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        if datacenter.isEmpty { throw ConfigurationError("datacenter cannot be empty") }
        if !plain { throw ConfigurationError("datacenter cannot be \"\(datacenter)\". Please use only [a-z0-9-_].") }
        if dataDirectory.isEmpty && !isDev { throw ConfigurationError("data_dir cannot be empty") }
        if nodeName.isEmpty { throw ConfigurationError("node_name cannot be empty") }
        if !["TRACE", "DEBUG", "INFO", "WARN", "ERR", "ERROR"].contains(logLevel) {
            throw ConfigurationError(
                "Invalid log level: \(logLevel). Valid log levels are: TRACE, DEBUG, INFO, WARN, ERR")
        }
        try checkAddresses()
        try checkPorts()
        if connect.provider != "consul" {
            throw ConfigurationError(
                connect.provider == "vault"
                    ? "connect.ca_provider \"vault\" is not built in; only \"consul\" is"
                    : "\(connect.provider) is not a valid CA provider")
        }
        if !["allow", "deny"].contains(access.defaultPolicy) {
            throw ConfigurationError(
                "acl default policy must be \"allow\" or \"deny\", not \"\(access.defaultPolicy)\"")
        }
        for token in access.statics where token.secret.isEmpty {
            throw ConfigurationError("acl.static_tokens: every entry needs a \"token\" and \"rules\"")
        }
        if let problem = ServiceDefinition.metaProblem(nodeMeta) {
            throw ConfigurationError("node_meta invalid: \(problem)")
        }
        for service in services {
            if let problem = ServiceDefinition.metaProblem(service.meta) {
                throw ConfigurationError(
                    multiError(["invalid meta for service \(service.name): \(problem)"]))
            }
        }
    }

    private func checkAddresses() throws(ConfigurationError) {
        let named = [
            ("bind_addr", [bindAddress]), ("advertise_addr", [advertiseAddress]),
            ("advertise_addr_wan", [advertiseWANAddress]), ("client_addr", clientAddresses),
            ("addresses.http", httpAddresses), ("addresses.dns", dnsAddresses),
        ]
        for (key, addresses) in named {
            for address in addresses where address.contains("{{") {
                throw ConfigurationError("\(key): address templates are not evaluated here; write the address itself")
            }
        }
        if clientAddresses.isEmpty { throw ConfigurationError("client_addr cannot be empty") }
        if ["0.0.0.0", "::", "[::]"].contains(advertiseAddress) {
            throw ConfigurationError("Advertise address cannot be 0.0.0.0, :: or [::]")
        }
        if ["0.0.0.0", "::", "[::]"].contains(advertiseWANAddress) {
            throw ConfigurationError("Advertise WAN address cannot be 0.0.0.0, :: or [::]")
        }
    }

    private func checkPorts() throws(ConfigurationError) {
        for (key, port) in [
            ("http", ports.http), ("https", ports.https), ("dns", ports.dns), ("server", ports.server),
            ("proxy_min_port", ports.proxyMin), ("proxy_max_port", ports.proxyMax),
            ("sidecar_min_port", ports.sidecarMin), ("sidecar_max_port", ports.sidecarMax),
        ] where port > 65535 {
            throw ConfigurationError("ports.\(key): invalid port \(port), want at most 65535")
        }
        for (kind, low, high) in [
            ("proxy", ports.proxyMin, ports.proxyMax), ("sidecar", ports.sidecarMin, ports.sidecarMax),
        ] where low > high {
            throw ConfigurationError(
                "\(kind)_min_port must be less than \(kind)_max_port. To disable, set both to zero.")
        }
    }
}
