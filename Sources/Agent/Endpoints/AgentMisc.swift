import HTTP
import JSON
import Mesh

/// `/v1/agent/self`, members, maintenance, reload, leave, join, tokens, metrics, monitor, host.
enum AgentMisc {
    static let routes = [
        Route(["GET"], "/v1/agent/self", showSelf),
        Route(["GET"], "/v1/agent/host", host),
        Route(["GET"], "/v1/agent/members", members),
        Route(["PUT"], "/v1/agent/maintenance", maintain),
        Route(["PUT"], "/v1/agent/reload", reload),
        Route(["PUT"], "/v1/agent/leave", leave),
        Route(["PUT"], "/v1/agent/join/", join),
        Route(["PUT"], "/v1/agent/force-leave/", forceLeave),
        Route(["PUT"], "/v1/agent/token/", token),
        Route(["GET"], "/v1/agent/metrics", metrics),
        Route(["GET"], "/v1/agent/monitor", monitor),
    ]

    /// `?enable=`, which both maintenance endpoints demand.
    static func enable(_ call: Call) throws(Refusal) -> Bool {
        guard let text = call.target["enable"], !text.isEmpty else { throw Refusal(400, "Missing value for enable") }
        guard let isEnabled = goBool(text) else { throw Refusal(400, "Invalid value for enable: \"\(text)\"") }
        return isEnabled
    }

    @Sendable static func showSelf(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentRead(core.configuration.nodeName)) else { throw .permissionDenied }
        let configuration = core.configuration
        let value: Value = [
            "Config": [
                "Datacenter": .string(configuration.datacenter), "NodeName": .string(configuration.nodeName),
                "NodeID": .string(core.identity.nodeID), "Revision": "", "Server": true,
                "Version": .string(AgentCore.version),
            ],
            "DebugConfig": debugConfig(core), "Coord": Coordinates.origin, "Member": member(core, isWAN: false),
            "Stats": stats(core), "Meta": core.catalog.node(configuration.nodeName)?.meta.json ?? [:],
            "xDS": ["SupportedProxies": [:]],
        ]
        return .answer(.json(value))
    }

    private static func debugConfig(_ core: AgentCore) -> Value {
        let configuration = core.configuration
        func listeners(_ addresses: [String], _ port: Int, _ networks: [String]) -> Value {
            guard port > 0 else { return [] }
            return .strings(networks.flatMap { network in addresses.map { "\(network)://\(hostPort($0, port))" } })
        }
        return [
            "ACLsEnabled": .bool(configuration.access.isEnabled),
            "AdvertiseAddrLAN": .string(core.advertiseAddress), "BindAddr": .string(configuration.bindAddress),
            "Bootstrap": false, "CheckUpdateInterval": .string(configuration.checkUpdateInterval.go),
            "ClientAddrs": .strings(configuration.clientAddresses),
            "ConnectEnabled": .bool(configuration.connect.isEnabled),
            "ConnectProxyAllowManagedRoot": .bool(configuration.connect.allowsManagedRoot),
            "ConnectProxyBindMaxPort": .number(configuration.ports.proxyMax),
            "ConnectProxyBindMinPort": .number(configuration.ports.proxyMin),
            "ConnectProxyDefaultExecMode": .string(configuration.connect.defaultExecMode),
            "ConnectSidecarMaxPort": .number(configuration.ports.sidecarMax),
            "ConnectSidecarMinPort": .number(configuration.ports.sidecarMin),
            "DNSAddrs": listeners(configuration.dnsListenAddresses, configuration.ports.dns, ["tcp", "udp"]),
            "DNSDomain": .string(configuration.domain), "DNSPort": .number(configuration.ports.dns),
            "DataDir": .string(configuration.dataDirectory), "Datacenter": .string(configuration.datacenter),
            "DevMode": .bool(configuration.isDev), "EnableUI": false,
            "HTTPAddrs": listeners(configuration.httpListenAddresses, configuration.ports.http, ["tcp"]),
            "HTTPPort": .number(configuration.ports.http), "HTTPSPort": .number(configuration.ports.https),
            "LogLevel": .string(configuration.logLevel), "NodeName": .string(configuration.nodeName),
            "PrimaryDatacenter": .string(configuration.datacenter),
            "SerfPortLAN": .number(configuration.ports.serfLAN), "SerfPortWAN": .number(configuration.ports.serfWAN),
            "ServerMode": true, "ServerPort": .number(configuration.ports.server),
            "Version": .string(AgentCore.version), "VersionPrerelease": "",
        ]
    }

    private static func stats(_ core: AgentCore) -> Value {
        let ttls = core.local.checks.values.count { $0.type == .ttl }
        return [
            "agent": [
                "check_monitors": .string(String(core.local.checks.values.count { $0.type == .monitor })),
                "check_ttls": .string(String(ttls)), "checks": .string(String(core.local.checks.count)),
                "services": .string(String(core.local.services.count)),
            ],
            "build": ["prerelease": "", "revision": "", "version": .string(AgentCore.version)],
            "consul": [
                "acl": .string(core.configuration.access.isEnabled ? "enabled" : "disabled"), "bootstrap": "true",
                "known_datacenters": "1", "leader": "true", "leader_addr": .string(StatusReads.leaderAddress(core)),
                "server": "true",
            ],
            "runtime": ["arch": .string(architecture), "os": "linux", "version": "swift"],
            "warren": [
                "blocked_queries": .string(String(core.waiting)), "index": .string(String(core.index)),
                "sidecars": .string(String(core.local.sidecars.count)),
            ],
        ]
    }

    private static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #else
            "arm64"
        #endif
    }

    private static func member(_ core: AgentCore, isWAN: Bool) -> Value {
        let configuration = core.configuration
        var tags: Object = [
            "acls": .string(configuration.access.isEnabled ? "1" : "0"), "build": .string(AgentCore.version + ":"),
            "dc": .string(configuration.datacenter), "id": .string(core.identity.nodeID),
            "port": .string(String(configuration.ports.server)), "raft_vsn": "3", "role": "consul", "segment": "",
            "vsn": "2", "vsn_max": "3", "vsn_min": "2",
        ]
        if !isWAN { tags.append("wan_join_port", .string(String(configuration.ports.serfWAN))) }
        let name = configuration.nodeName + (isWAN ? "." + configuration.datacenter : "")
        return [
            "Name": .string(name), "Addr": .string(core.advertiseAddress),
            "Port": .number(isWAN ? configuration.ports.serfWAN : configuration.ports.serfLAN),
            "Tags": .object(tags), "Status": 1, "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2,
            "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
        ]
    }

    @Sendable static func members(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        if let segment = call.target["segment"], !segment.isEmpty, segment != "_all" {
            throw Refusal(500, "Network segments are not supported in this version of Consul")
        }
        guard permit.allows(.nodeRead(core.configuration.nodeName)) else { return .answer(.json([])) }
        let isWAN = call.target["wan"].map { !$0.isEmpty } ?? false
        return .answer(.json([member(core, isWAN: isWAN)]))
    }

    @Sendable static func host(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.operatorRead) else { throw .permissionDenied }
        return .answer(
            .json([
                "Memory": nil, "CPU": [], "Host": ["hostname": .string(core.configuration.nodeName), "os": "linux"],
                "Disk": nil, "CollectionTime": .integer(call.now.wall), "Errors": nil,
            ]))
    }

    @Sendable static func maintain(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let isEnabled = try enable(call)
        guard try core.permit(call).allows(.nodeWrite(core.configuration.nodeName)) else { throw .permissionDenied }
        if isEnabled {
            core.enableMaintenance(service: nil, reason: call.target["reason"] ?? "", now: call.now)
        } else {
            core.disableMaintenance(service: nil, now: call.now)
        }
        return .answer(.empty)
    }

    @Sendable static func reload(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentWrite(core.configuration.nodeName)) else { throw .permissionDenied }
        return .act(.reload)
    }

    @Sendable static func leave(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentWrite(core.configuration.nodeName)) else { throw .permissionDenied }
        return .act(.leave)
    }

    /// There is no gossip to join; joining oneself is what it always was, a success that changes nothing.
    @Sendable static func join(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentWrite(core.configuration.nodeName)) else { throw .permissionDenied }
        let own = core.advertiseAddress
        let port = core.configuration.ports.serfLAN
        if [own, hostPort(own, port), core.configuration.nodeName].contains(call.rest) { return .answer(.empty) }
        throw Refusal(
            500, multiError(["Failed to join \(call.rest): this agent has no gossip and can join only itself"]))
    }

    @Sendable static func forceLeave(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.operatorWrite) else { throw .permissionDenied }
        guard call.rest == core.configuration.nodeName else {
            throw Refusal(500, "agent: No node found with name '\(call.rest)'")
        }
        return .answer(.empty)
    }

    private static let tokenNames = [
        "default": "default", "acl_token": "default", "agent": "agent", "acl_agent_token": "agent",
        "agent_master": "agent_master", "acl_agent_master_token": "agent_master", "replication": "replication",
        "acl_replication_token": "replication",
    ]

    @Sendable static func token(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard core.configuration.access.isEnabled else { throw Refusal(401, "ACL support disabled") }
        guard try core.permit(call).allows(.agentWrite(core.configuration.nodeName)) else { throw .permissionDenied }
        let body = Reader(try call.body())
        let secret: String
        do throws(TypeError) {
            secret = try body.member("Token")?.string() ?? ""
        } catch {
            throw Refusal(400, "Request decode failed: \(goSentence(error))")
        }
        guard let name = tokenNames[call.rest] else { throw Refusal(404, "Token \"\(call.rest)\" is unknown") }
        let old = core.configuration.access.tokens[name]
        core.configuration.access.tokens[name] = secret.isEmpty ? nil : secret
        do throws(AgentCore.StartError) {
            try core.readAccess()
        } catch {
            core.configuration.access.tokens[name] = old
            throw Refusal(400, error.description)
        }
        core.log(.info, "agent: Updated agent's ACL token: token=\(name)")
        return .answer(.empty)
    }

    @Sendable static func metrics(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentRead(core.configuration.nodeName)) else { throw .permissionDenied }
        if call.target["format"] == "prometheus" {
            guard core.configuration.prometheusRetention > .zero else {
                throw Refusal(415, "Prometheus is not enabled since its retention time is not positive")
            }
            var answer = Answer()
            answer.content = .text(core.metrics.prometheus(core), type: "text/plain; version=0.0.4; charset=utf-8")
            return .answer(answer)
        }
        return .answer(.json(core.metrics.json(core, now: call.now)))
    }

    @Sendable static func monitor(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard try core.permit(call).allows(.agentRead(core.configuration.nodeName)) else { throw .permissionDenied }
        let level = call.target["loglevel"] ?? ""
        guard level.isEmpty || LogLevel(name: level) != nil else {
            throw Refusal(400, "Bad request: Unknown log level: \(level)")
        }
        return .act(.monitor(level: LogLevel(name: level)?.rawValue ?? "INFO"))
    }
}

/// Network coordinates, which one node does not need: it is at the origin.
enum Coordinates {
    static let origin: Value = [
        "Vec": [0, 0, 0, 0, 0, 0, 0, 0], "Error": .double(1.5), "Adjustment": 0, "Height": .double(1e-5),
    ]
}
