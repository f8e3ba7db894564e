/// Sentences of hashicorp/go-multierror, which Consul answers with.
package func multiError(_ problems: [String]) -> String {
    let head = problems.count == 1 ? "1 error occurred:" : "\(problems.count) errors occurred:"
    return head + "\n" + problems.map { "\t* \($0)\n" }.joined() + "\n"
}

extension ServiceDefinition {
    /// The rules the definition breaks, in Consul's words (`NodeService.Validate`).
    ///
    /// - Parameter now: nanoseconds since 1970, by which the expiry of faults is judged.
    package func problems(now: Int64) -> [String] {
        var problems: [String] = []
        if kind == .connectProxy {
            if (proxy?.destinationServiceName ?? "").isEmpty {
                problems.append("Proxy.DestinationServiceName must be non-empty for Connect proxy services")
            } else if proxy?.destinationServiceName == "*" {
                problems.append("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services")
            }
            if port == 0 { problems.append("Port must be set for a Connect proxy") }
            if isNative { problems.append("A Proxy cannot also be Connect Native, only typical services") }
        }
        if isNative && managedProxy != nil {
            problems.append("Services that are Connect native may not have a proxy configuration")
        }
        if managedProxy != nil && port == 0 {
            problems.append("Services with a Connect managed proxy must have a port set")
        }
        if !sidecar.isEmpty && isNative {
            problems.append("Services that are Connect native may not have a sidecar")
        }
        problems += proxy?.problems() ?? []
        problems += proxy?.settingProblems(at: "proxy", now: now) ?? []
        problems += managedProxy?.settingProblems(now: now) ?? []
        for sidecar in sidecar {
            problems += sidecar.proxy?.settingProblems(at: "connect.sidecar_service.proxy", now: now) ?? []
        }
        return problems
    }

    /// Whether the metadata breaks a rule, in Consul's words.
    package static func metaProblem(_ meta: [String: String]) -> String? {
        if meta.count > 64 { return "Node metadata cannot contain more than 64 key/value pairs" }
        for (key, value) in meta.sorted(by: { $0.key < $1.key }) {
            func refuse(_ reason: String) -> String {
                "Couldn't load metadata pair ('\(key)', '\(value)'): \(reason)"
            }
            if key.isEmpty { return refuse("Key cannot be blank") }
            let plain = key.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            if !plain { return refuse("Key contains invalid characters") }
            if key.utf8.count > 128 { return refuse("Key is too long (limit: 128 characters)") }
            if key.hasPrefix("consul-") { return refuse("Key prefix 'consul-' is reserved for internal use") }
            if value.utf8.count > 512 { return refuse("Value is too long (limit: 512 characters)") }
        }
        return nil
    }
}

extension UpstreamDefinition {
    /// Where local callers connect: "127.0.0.1:9000", "unix:/run/web/db.sock".
    package var place: String {
        guard localBindSocketPath.isEmpty else { return "unix:" + localBindSocketPath }
        return "\(localBindAddress.isEmpty ? "127.0.0.1" : localBindAddress):\(localBindPort)"
    }

    /// What keeps local callers from connecting there, if anything; of ports in Consul 1.9's words, of sockets in 1.10's.
    package var placeProblem: String? {
        if localBindSocketPath.isEmpty {
            if localBindPort == 0 { return "upstream local bind port cannot be zero" }
            return localBindSocketMode.isEmpty ? nil : "upstream local bind socket mode needs a socket path"
        }
        if localBindPort != 0 || !localBindAddress.isEmpty {
            return "only one of upstream local bind port or local socket path can be defined and nonzero"
        }
        // A sidecar has another working directory than whoever wrote the file; 107 bytes are what unix(7) takes.
        guard localBindSocketPath.hasPrefix("/"), localBindSocketPath.utf8.count <= 107,
            !localBindSocketPath.utf8.contains(0)
        else {
            return
                "upstream local bind socket path \"\(localBindSocketPath)\" must begin with / and have at most 107 bytes"
        }
        guard localBindSocketMode.isEmpty || UnixMode.parse(localBindSocketMode) != nil else {
            return "upstream local bind socket mode \"\(localBindSocketMode)\" must be octal digits such as 0660"
        }
        return nil
    }
}

extension ProxyDefinition {
    /// The rules the upstreams break, in Consul's words.
    package func problems() -> [String] {
        var problems: [String] = []
        var bound: Set<String> = []
        for upstream in upstreams {
            if upstream.destinationName.isEmpty {
                problems.append("upstream destination name cannot be empty")
                continue
            }
            if upstream.destinationType != "service" && upstream.destinationType != "prepared_query" {
                problems.append("unknown upstream destination type: \"\(upstream.destinationType)\"")
                continue
            }
            if upstream.destinationName == "*" {
                problems.append("upstream destination name cannot be a wildcard")
                continue
            }
            if let problem = upstream.placeProblem {
                problems.append(problem)
                continue
            }
            let place = upstream.place
            if !bound.insert(place).inserted {
                problems.append(
                    "upstreams cannot contain duplicates by local bind address and port; \"\(place)\" is specified twice"
                )
            }
        }
        return problems
    }
}
