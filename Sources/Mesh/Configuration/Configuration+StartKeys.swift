/// A key that counts only when the agent starts.
private struct StartKey: Sendable {
    let name: String
    let differs: @Sendable (Configuration, Configuration) -> Bool
    let keep: @Sendable (inout Configuration, Configuration) -> Void

    init<T: Equatable & SendableMetatype>(_ name: String, _ path: any WritableKeyPath<Configuration, T> & Sendable) {
        self.name = name
        differs = { $0[keyPath: path] != $1[keyPath: path] }
        keep = { $0[keyPath: path] = $1[keyPath: path] }
    }
}

extension Configuration {
    /// What is bound, named or opened once: ports, the node's identity, the data folder, the authority.
    private static let startKeys: [StartKey] = [
        StartKey("datacenter", \.datacenter), StartKey("data_dir", \.dataDirectory),
        StartKey("node_name", \.nodeName), StartKey("node_id", \.nodeID), StartKey("bind_addr", \.bindAddress),
        StartKey("advertise_addr", \.advertiseAddress), StartKey("advertise_addr_wan", \.advertiseWANAddress),
        StartKey("client_addr", \.clientAddresses), StartKey("addresses.http", \.httpAddresses),
        StartKey("addresses.dns", \.dnsAddresses), StartKey("ports", \.ports), StartKey("domain", \.domain),
        StartKey("alt_domain", \.altDomain), StartKey("log_json", \.logsJSON),
        StartKey("log_file", \.logFile.path), StartKey("log_rotate_bytes", \.logFile.rotateBytes),
        StartKey("log_rotate_duration", \.logFile.rotateDuration),
        StartKey("log_rotate_max_files", \.logFile.maxFiles),
        StartKey("pid_file", \.pidFile), StartKey("server", \.isServer),
        StartKey("unix_sockets", \.unixSockets),
        StartKey("enable_script_checks", \.scriptChecks), StartKey("connect.enabled", \.connect.isEnabled),
        StartKey("connect.ca_provider", \.connect.provider), StartKey("connect.ca_config", \.connect.caConfig),
        StartKey("connect.manage_sidecars", \.connect.managesSidecars),
        StartKey("connect.proxy.allow_managed_root", \.connect.allowsManagedRoot),
        StartKey("http_config.max_header_bytes", \.http.headerBytesMax),
        StartKey("recursors", \.recursors),
    ]

    /// Puts back what is in force for the keys that count only at a start.
    ///
    /// - Returns: the keys that differed.
    package mutating func keepStartKeys(of inForce: Configuration) -> [String] {
        var differing: [String] = []
        for key in Self.startKeys where key.differs(self, inForce) {
            differing.append(key.name)
            key.keep(&self, inForce)
        }
        return differing
    }
}
