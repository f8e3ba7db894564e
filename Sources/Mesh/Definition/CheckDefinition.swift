/// A health check as a file or an API call declares it.
package struct CheckDefinition: Sendable, Hashable {
    package var id = ""
    package var name = ""
    package var notes = ""
    package var serviceID = ""
    package var token = ""
    /// The status before the first result; empty means critical.
    package var status = ""
    package var args: [String] = []
    package var http = ""
    package var header: [String: [String]] = [:]
    package var method = ""
    package var body = ""
    package var tlsSkipVerify = false
    /// Whom the certificate of an `https://` check must be for; empty: the URL's host.
    package var tlsServerName = ""
    package var disableRedirects = false
    package var tcp = ""
    package var grpc = ""
    package var grpcUseTLS = false
    package var aliasNode = ""
    package var aliasService = ""
    package var dockerContainerID = ""
    package var shell = ""
    package var interval = Duration.zero
    package var timeout = Duration.zero
    package var ttl = Duration.zero
    package var deregisterCriticalServiceAfter = Duration.zero
    package var successBeforePassing = 0
    package var failuresBeforeCritical = 0
    /// Bytes of output kept; 0 means 4096.
    package var outputMaxSize = 0

    package init() {}

    /// What runs the check.
    package var type: CheckType? {
        if !dockerContainerID.isEmpty { return interval > .zero ? .docker : nil }
        if !args.isEmpty { return interval > .zero ? .monitor : nil }
        if !http.isEmpty { return interval > .zero ? .http : nil }
        if !tcp.isEmpty { return interval > .zero ? .tcp : nil }
        if !grpc.isEmpty { return interval > .zero ? .grpc : nil }
        if isAlias { return .alias }
        return ttl > .zero ? .ttl : nil
    }

    /// Whether the check mirrors another service or node.
    package var isAlias: Bool { !aliasService.isEmpty || !aliasNode.isEmpty }

    /// The rule the definition breaks, in Consul's words, or nothing.
    package func problem() -> String? {
        let runs = !args.isEmpty || !http.isEmpty || !tcp.isEmpty || !grpc.isEmpty || !dockerContainerID.isEmpty
        if runs && interval <= .zero { return "Interval must be > 0 for Script, HTTP, or TCP checks" }
        if interval > .zero && ttl > .zero { return "Interval and TTL cannot both be specified" }
        if isAlias {
            if runs { return "Alias checks cannot also have a script, HTTP, TCP, gRPC or docker check" }
            if ttl > .zero { return "TTL must not be set for alias checks" }
            if interval > .zero { return "Interval must not be set for alias checks" }
        }
        if !runs && !isAlias && ttl <= .zero { return "TTL must be > 0 for TTL checks" }
        if outputMaxSize < 0 { return "OutputMaxSize must be positive" }
        return nil
    }
}

/// What runs a check; the raw value is Consul's `Type`.
package enum CheckType: String, Sendable, Hashable {
    case monitor = "script"
    case http, tcp, ttl, alias, grpc, docker, maintenance
}

/// A check's status.
package enum CheckStatus: String, Sendable, Hashable, Comparable {
    case passing, warning, critical

    private var severity: Int {
        switch self {
        case .passing: 0
        case .warning: 1
        case .critical: 2
        }
    }

    /// Ordered by how bad it is.
    package static func < (a: CheckStatus, b: CheckStatus) -> Bool { a.severity < b.severity }
}
