import JSON

extension Configuration {
    /// Merges files and flags in Consul's order: defaults, `-dev`, files in order, flags, fragments. A later scalar wins,
    /// lists are put together, objects are merged key by key.
    ///
    /// - Parameter hostName: the node's name when nobody gives one.
    package static func read(
        files: [ConfigurationFile], flags: ConfigurationFlags, hostName: String
    ) throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        var tree = flags.isDev ? devDefaults : Object()
        var idle: Set<String> = []
        // Lists on the command line come before those of files.
        if !flags.recursors.isEmpty { tree["recursors"] = .strings(flags.recursors) }
        let fragments = flags.fragments.enumerated().map {
            ConfigurationFile(name: "flag -hcl #\($0 + 1)", bytes: Array($1.utf8))
        }
        let overlay = try flagTree(flags)
        try check(flags: overlay)
        for (place, file) in (files + fragments).enumerated() {
            if place == files.count { merge(overlay, into: &tree) }
            if file.name.hasSuffix(".hcl") {
                throw ConfigurationError("failed to parse \(file.name): HCL is not read here; write the file as JSON")
            }
            let read = try ReadFile(file)
            configuration.services += read.services
            configuration.checks += read.checks
            configuration.watches += read.watches
            idle.formUnion(read.idle)
            merge(read.tree, into: &tree)
        }
        if fragments.isEmpty { merge(overlay, into: &tree) }
        configuration.isDev = flags.isDev
        configuration.take(tree, hostName: hostName)
        configuration.remarks += idle.sorted().map { "config key \($0) is accepted and changes nothing here" }
        if configuration.ports.https > 0 {
            configuration.remarks.append("ports.https is set, but the API is served over plain HTTP only")
        }
        try configuration.check()
        return configuration
    }

    private static let devDefaults: Object = [
        "bind_addr": "127.0.0.1", "log_level": "DEBUG", "server": true, "connect": ["enabled": true],
    ]

    private static func flagTree(_ flags: ConfigurationFlags) throws(ConfigurationError) -> Object {
        var tree = Object()
        func set(_ key: String, _ value: String?) { if let value { tree[key] = .string(value) } }
        set("advertise_addr", flags.advertise)
        set("advertise_addr_wan", flags.advertiseWAN)
        set("bind_addr", flags.bind)
        set("client_addr", flags.client)
        set("data_dir", flags.dataDirectory)
        set("datacenter", flags.datacenter)
        set("domain", flags.domain)
        set("log_level", flags.logLevel)
        set("node_name", flags.node)
        set("node_id", flags.nodeID)
        set("pid_file", flags.pidFile)
        for (key, value) in [
            ("enable_script_checks", flags.enablesScriptChecks),
            ("enable_local_script_checks", flags.enablesLocalScriptChecks), ("log_json", flags.logsJSON),
            ("server", flags.server), ("ui", flags.ui),
        ] {
            if let value { tree[key] = .bool(value) }
        }
        var ports = Object()
        if let port = flags.httpPort { ports["http"] = .number(port) }
        if let port = flags.dnsPort { ports["dns"] = .number(port) }
        if !ports.isEmpty { tree["ports"] = .object(ports) }
        var meta = Object()
        for pair in flags.nodeMeta {
            let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            meta[String(parts[0])] = .string(parts.count > 1 ? String(parts[1]) : "")
        }
        if !meta.isEmpty { tree["node_meta"] = .object(meta) }
        return tree
    }

    /// The flags of the keys whose values have rules.
    private static func check(flags: Object) throws(ConfigurationError) {
        for (key, flag) in [
            ("bind_addr", "bind"), ("advertise_addr", "advertise"), ("advertise_addr_wan", "advertise-wan"),
            ("client_addr", "client"), ("domain", "domain"),
        ] {
            if let value = flags[key], let problem = ValueRules.problem(key, value) {
                throw ConfigurationError("flag -\(flag): \(problem)")
            }
        }
    }

    private static func merge(_ new: Object, into tree: inout Object) {
        for member in new.members {
            switch (tree[member.key], member.value) {
            case (.object(var old)?, .object(let value)):
                merge(value, into: &old)
                tree[member.key] = .object(old)
            case (.array(let old)?, .array(let value)): tree[member.key] = .array(old + value)
            default: tree[member.key] = member.value
            }
        }
    }
}

extension Configuration {
    /// Takes over the merged tree, whose kinds are known to be right.
    private mutating func take(_ tree: Object, hostName: String) {
        let keys = Keys(tree)
        keys.string("datacenter") { datacenter = $0.lowercased() }
        keys.string("data_dir") { dataDirectory = $0 }
        nodeName = hostName
        keys.string("node_name") { nodeName = $0 }
        keys.string("node_id") { nodeID = $0.lowercased() }
        keys.map("node_meta") { nodeMeta = $0 }
        keys.string("bind_addr") { bindAddress = $0 }
        keys.string("advertise_addr") { advertiseAddress = $0 }
        keys.string("advertise_addr_wan") { advertiseWANAddress = $0 }
        keys.string("client_addr") { clientAddresses = Self.words($0) }
        keys.string("addresses", "http") { httpAddresses = Self.words($0) }
        keys.string("addresses", "dns") { dnsAddresses = Self.words($0) }
        keys.string("domain") { domain = $0.hasSuffix(".") ? $0 : $0 + "." }
        keys.string("alt_domain") { altDomain = $0 }
        keys.map("tagged_addresses") { taggedAddresses = $0 }
        takeAddresses(keys)
        keys.string("log_level") { logLevel = $0.uppercased() }
        keys.bool("log_json") { logsJSON = $0 }
        keys.string("log_file") { logFile.path = $0 }
        keys.int("log_rotate_bytes") { logFile.rotateBytes = $0 }
        keys.duration("log_rotate_duration") { logFile.rotateDuration = $0 }
        keys.int("log_rotate_max_files") { logFile.maxFiles = $0 }
        keys.string("pid_file") { pidFile = $0 }
        keys.bool("server") { isServer = $0 }
        keys.bool("enable_local_script_checks") { if $0 { scriptChecks = .filesOnly } }
        keys.bool("enable_script_checks") { if $0 { scriptChecks = .all } }
        keys.bool("discard_check_output") { discardsCheckOutput = $0 }
        keys.duration("check_update_interval") { checkUpdateInterval = $0 }
        keys.int("check_output_max_size") { checkOutputMaxSize = $0 }
        keys.bool("leave_on_terminate") { leavesOnTerminate = $0 }
        keys.bool("skip_leave_on_interrupt") { skipsLeaveOnInterrupt = $0 }
        keys.duration("default_query_time") { defaultQueryTime = $0 }
        keys.duration("max_query_time") { maxQueryTime = $0 }
        keys.strings("recursor") { recursors += $0 }
        keys.strings("recursors") { recursors += $0 }
        keys.duration("telemetry", "prometheus_retention_time") { prometheusRetention = $0 }
        keys.string("telemetry", "metrics_prefix") { metricsPrefix = $0 }
        configEntries = tree["config_entries"]?["bootstrap"]?.array ?? []
        takePorts(keys)
        takeConnect(keys)
        takeAccess(keys)
        takeDNSAndHTTP(keys)
    }

    private mutating func takeAddresses(_ keys: Keys) {
        // One of each family: the first that is given is the address, the other is shown beside it.
        for (key, suffix) in [("advertise_addr_ipv4", "ipv4"), ("advertise_addr_ipv6", "ipv6")] {
            keys.string(key) {
                guard !$0.isEmpty else { return }
                if advertiseAddress.isEmpty { advertiseAddress = $0 }
                taggedAddresses["lan_" + suffix] = $0
            }
        }
        for (key, suffix) in [("advertise_addr_wan_ipv4", "ipv4"), ("advertise_addr_wan_ipv6", "ipv6")] {
            keys.string(key) {
                guard !$0.isEmpty else { return }
                if advertiseWANAddress.isEmpty { advertiseWANAddress = $0 }
                taggedAddresses["wan_" + suffix] = $0
            }
        }
        keys.string("unix_sockets", "user") { unixSockets.user = $0 }
        keys.string("unix_sockets", "group") { unixSockets.group = $0 }
        keys.string("unix_sockets", "mode") { unixSockets.mode = UInt16($0, radix: 8) }
    }

    private static func words(_ text: String) -> [String] {
        text.split(separator: " ").map(String.init)
    }

    private mutating func takePorts(_ keys: Keys) {
        keys.int("ports", "http") { ports.http = $0 }
        keys.int("ports", "https") { ports.https = $0 }
        keys.int("ports", "dns") { ports.dns = $0 }
        keys.int("ports", "grpc") { ports.grpc = $0 }
        keys.int("ports", "serf_lan") { ports.serfLAN = $0 }
        keys.int("ports", "serf_wan") { ports.serfWAN = $0 }
        keys.int("ports", "server") { ports.server = $0 }
        keys.int("ports", "proxy_min_port") { ports.proxyMin = $0 }
        keys.int("ports", "proxy_max_port") { ports.proxyMax = $0 }
        keys.int("ports", "sidecar_min_port") { ports.sidecarMin = $0 }
        keys.int("ports", "sidecar_max_port") { ports.sidecarMax = $0 }
    }

    private mutating func takeConnect(_ keys: Keys) {
        // A mesh without its authority is of no use to anybody here, so it is on unless switched off.
        connect.isEnabled = true
        keys.bool("connect", "enabled") { connect.isEnabled = $0 }
        keys.bool("connect", "manage_sidecars") { connect.managesSidecars = $0 }
        keys.string("connect", "ca_provider") { connect.provider = $0 }
        connect.caConfig = keys.value("connect", "ca_config")?.object ?? Object()
        keys.bool("connect", "proxy", "allow_managed_root") { connect.allowsManagedRoot = $0 }
        keys.bool("connect", "proxy", "allow_managed_api_registration") { connect.allowsManagedRegistration = $0 }
        keys.string("connect", "proxy_defaults", "exec_mode") { connect.defaultExecMode = $0 }
        keys.strings("connect", "proxy_defaults", "daemon_command") { connect.daemonCommand = $0 }
        connect.proxyDefaults = keys.value("connect", "proxy_defaults", "config")?.object ?? Object()
    }

    private mutating func takeAccess(_ keys: Keys) {
        // The 1.2 way to switch access control on.
        keys.string("acl_datacenter") { access.isEnabled = !$0.isEmpty }
        keys.bool("acl", "enabled") { access.isEnabled = $0 }
        keys.string("acl_default_policy") { access.defaultPolicy = $0 }
        keys.string("acl", "default_policy") { access.defaultPolicy = $0 }
        keys.string("acl_down_policy") { access.downPolicy = $0 }
        keys.string("acl", "down_policy") { access.downPolicy = $0 }
        for (key, name) in [
            ("acl_master_token", "master"), ("acl_token", "default"), ("acl_agent_token", "agent"),
            ("acl_agent_master_token", "agent_master"), ("acl_replication_token", "replication"),
        ] {
            keys.string(key) { access.tokens[name] = $0.isEmpty ? nil : $0 }
        }
        for (key, name) in [
            ("master", "master"), ("initial_management", "master"), ("default", "default"), ("agent", "agent"),
            ("agent_master", "agent_master"), ("agent_recovery", "agent_master"), ("replication", "replication"),
        ] {
            keys.string("acl", "tokens", key) { access.tokens[name] = $0.isEmpty ? nil : $0 }
        }
        for element in keys.value("acl", "static_tokens")?.array ?? [] {
            let rules = element["rules"]
            access.statics.append(
                StaticToken(
                    secret: element["token"]?.string ?? "", description: element["description"]?.string ?? "",
                    rules: rules?.string ?? rules?.text() ?? ""))
        }
    }

    private mutating func takeDNSAndHTTP(_ keys: Keys) {
        keys.bool("dns_config", "only_passing") { dns.onlyPassing = $0 }
        keys.bool("dns_config", "enable_truncate") { dns.enablesTruncate = $0 }
        keys.bool("dns_config", "disable_compression") { dns.disablesCompression = $0 }
        keys.duration("dns_config", "node_ttl") { dns.nodeTTL = $0 }
        keys.int("dns_config", "udp_answer_limit") { dns.udpAnswerLimit = $0 }
        keys.int("dns_config", "a_record_limit") { dns.aRecordLimit = $0 }
        for member in keys.value("dns_config", "service_ttl")?.object?.members ?? [] {
            dns.serviceTTL[member.key] = member.value.string.flatMap { try? Duration(go: $0) }
        }
        keys.bool("dns_config", "enable_additional_node_meta_txt") { dns.nodeMetaTXT = $0 }
        keys.int("dns_config", "soa", "refresh") { dns.soaRefresh = $0 }
        keys.int("dns_config", "soa", "retry") { dns.soaRetry = $0 }
        keys.int("dns_config", "soa", "expire") { dns.soaExpire = $0 }
        keys.int("dns_config", "soa", "min_ttl") { dns.soaMinimum = $0 }
        keys.strings("http_config", "allow_write_http_from") { http.writeNetworks = $0.compactMap(IPNetwork.init) }
        keys.int("http_config", "max_header_bytes") { http.headerBytesMax = $0 }
        keys.strings("http_config", "block_endpoints") { http.blockedEndpoints = $0 }
        keys.map("http_config", "response_headers") { http.responseHeaders = $0 }
        keys.int("limits", "http_max_conns_per_client") { http.connectionsPerClient = $0 }
    }
}

/// Looks keys of the merged tree up and hands over those that are there.
private struct Keys {
    let tree: Object

    init(_ tree: Object) { self.tree = tree }

    func value(_ path: String...) -> Value? { value(path[...]) }

    private func value(_ path: ArraySlice<String>) -> Value? {
        var value = Value.object(tree)
        for key in path {
            guard let next = value[key] else { return nil }
            value = next
        }
        return value
    }

    func string(_ path: String..., take: (String) -> Void) { value(path[...])?.string.map(take) }
    func bool(_ path: String..., take: (Bool) -> Void) { value(path[...])?.bool.map(take) }
    func int(_ path: String..., take: (Int) -> Void) { value(path[...])?.integer.map { take(Int($0)) } }
    func strings(_ path: String..., take: ([String]) -> Void) {
        value(path[...])?.array.map { take($0.compactMap(\.string)) }
    }
    func duration(_ path: String..., take: (Duration) -> Void) {
        (value(path[...])?.string.flatMap { try? Duration(go: $0) }).map(take)
    }
    func map(_ path: String..., take: ([String: String]) -> Void) {
        guard let object = value(path[...])?.object else { return }
        take(Dictionary(object.members.map { ($0.key, $0.value.string ?? "") }) { _, last in last })
    }
}
