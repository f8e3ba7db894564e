import HTTP
import JSON
import Mesh
import PKI

/// `/v1/connect/ca/…`, `/v1/agent/connect/ca/…`: roots, leaves, the authority's settings.
enum ConnectCA {
    static let routes = [
        Route(["GET"], "/v1/connect/ca/roots", serverRoots),
        Route(["GET"], "/v1/agent/connect/ca/roots", agentRoots),
        Route(["GET"], "/v1/agent/connect/ca/leaf/", leaf),
        Route(["GET", "PUT"], "/v1/connect/ca/configuration", configuration),
    ]

    @Sendable static func serverRoots(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        if let text = call.target["pem"], !text.isEmpty {
            guard let isWanted = goBool(text) else {
                throw Refusal(400, "The 'pem' query parameter must be a boolean value")
            }
            if !isWanted { return try roots(core, call, extra: []) }
            var answer = Answer()
            answer.content = .text(try pem(core), type: "application/pem-certificate-chain")
            return .answer(answer)
        }
        return try roots(core, call, extra: [])
    }

    @Sendable static func agentRoots(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try roots(core, call, extra: [HeaderField("Age", "0"), HeaderField("X-Cache", "HIT")])
    }

    private static func roots(_ core: AgentCore, _ call: Call, extra: [HeaderField]) throws(Refusal) -> Reply {
        let reply = try core.blocking(call, on: [.roots], index: core.authority?.rootsIndex ?? 0, effective: false) {
            () throws(Refusal) in
            try guarded { () throws(PKIError) in try shape(core) }
        }
        guard case .answer(var answer) = reply else { return reply }
        answer.headers += extra
        return .answer(answer)
    }

    private static func guarded<T>(_ make: () throws(PKIError) -> T) throws(Refusal) -> T {
        do throws(PKIError) {
            return try make()
        } catch {
            throw Refusal(500, error.description)
        }
    }

    private static func pem(_ core: AgentCore) throws(Refusal) -> String {
        try guarded { () throws(PKIError) in
            var text = ""
            for root in core.authority?.roots ?? [] where root.isActive { text += try root.certificate.pem() }
            return text
        }
    }

    private static func shape(_ core: AgentCore) throws(PKIError) -> Value {
        guard let authority = core.authority else { return ["ActiveRootID": "", "TrustDomain": "", "Roots": []] }
        var roots: [Value] = []
        for root in authority.roots {
            roots.append([
                "ID": .string(root.id), "Name": "Consul CA Primary Cert",
                "SerialNumber": .number(root.certificate.serial.number.map { min($0, UInt64(Int64.max)) } ?? 0),
                "SigningKeyID": .string(root.signingKeyID), "ExternalTrustDomain": .string(authority.clusterID),
                "NotBefore": .string(Validity.text(root.certificate.validity.notBefore)),
                "NotAfter": .string(Validity.text(root.certificate.validity.notAfter)),
                "RootCert": .string(try root.certificate.pem()),
                "IntermediateCerts": root.intermediates.isEmpty ? .null : .strings(root.intermediates),
                "Active": .bool(root.isActive), "PrivateKeyType": "ec", "PrivateKeyBits": 256,
                "CreateIndex": .number(root.createIndex), "ModifyIndex": .number(root.modifyIndex),
            ])
        }
        return [
            "ActiveRootID": .string(authority.active?.id ?? ""), "TrustDomain": .string(authority.trustDomain),
            "Roots": .array(roots),
        ]
    }

    /// A leaf for a service, registered or not. `?index=` waits for the next one.
    @Sendable static func leaf(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let options = try QueryOptions(call.target)
        let permit = try core.permit(call)
        let service = call.rest
        guard !service.isEmpty else { throw Refusal(500, "URI must be either service or agent") }
        guard permit.allows(.leaf(service: service)) else { throw .permissionDenied }
        guard core.authority != nil else { throw Refusal(500, "Connect must be enabled in order to use this endpoint") }
        core.leaves[service]?.usedAt = call.now.ticks
        let patience = Patience(duration: options.patience(core.configuration), isJittered: false)
        if let known = core.leaves[service], known.validity.contains(call.now.wall / 1_000_000_000) {
            if options.index > 0, known.modifyIndex <= options.index, !call.isExpired {
                return .wait([.leaf(service)], patience)
            }
            return answer(known, isNew: false, now: call.now)
        }
        // Nobody asked before, or the last leaf ran out while nobody did.
        if let delay = core.signatureDelay(now: call.now) {
            if call.isExpired { throw Refusal(429, "Rate limit reached, try again later") }
            if core.deadlines.moment(of: .leaf(service)) == nil {
                core.deadlines.set(.leaf(service), at: call.now.advanced(by: delay).ticks)
            }
            return .wait([.leaf(service)], patience)
        }
        let made = try guarded { () throws(PKIError) in try core.issueLeaf(service, now: call.now) }
        guard let made else { throw Refusal(500, "CA not initialized") }
        return answer(made, isNew: true, now: call.now)
    }

    private static func answer(_ leaf: Leaf, isNew: Bool, now: Now) -> Reply {
        var headers = [HeaderField("X-Consul-Index", String(leaf.modifyIndex))]
        if isNew {
            headers.append(HeaderField("X-Cache", "MISS"))
        } else {
            headers.append(HeaderField("Age", String(max(0, (now.ticks - leaf.issuedAt) / 1_000_000_000))))
            headers.append(HeaderField("X-Cache", "HIT"))
        }
        let value: Value = [
            "SerialNumber": .string(leaf.serial), "CertPEM": .string(leaf.certificatePEM),
            "PrivateKeyPEM": .string(leaf.keyPEM), "Service": .string(leaf.service), "ServiceURI": .string(leaf.uri),
            "ValidAfter": .string(Validity.text(leaf.validity.notBefore)),
            "ValidBefore": .string(Validity.text(leaf.validity.notAfter)), "CreateIndex": .number(leaf.createIndex),
            "ModifyIndex": .number(leaf.modifyIndex),
        ]
        return .answer(.json(value, headers: headers))
    }

    @Sendable static func configuration(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        if call.request.method == "GET" {
            guard permit.allows(.operatorRead) else { throw .permissionDenied }
            guard let authority = core.authority else { throw Refusal(500, "Connect is not enabled on this agent") }
            var settings = authority.settings
            if settings["PrivateKey"] != nil { settings["PrivateKey"] = .string(AgentCore.hidden) }
            return .answer(
                .json([
                    "Provider": "consul", "Config": .object(settings.sorted()), "State": nil,
                    "ForceWithoutCrossSigning": false, "CreateIndex": .number(authority.createIndex),
                    "ModifyIndex": .number(authority.modifyIndex),
                ]))
        }
        guard permit.allows(.operatorWrite) else { throw .permissionDenied }
        let body = Reader(try call.body("Bad request: Request decode failed: "))
        let provider: String
        let settings: Object
        do throws(TypeError) {
            provider = try body.member("Provider")?.string() ?? ""
            settings = try body.member("Config")?.value.object ?? Object()
        } catch {
            throw Refusal(400, "Bad request: Request decode failed: \(goSentence(error))")
        }
        guard provider == "consul" || provider.isEmpty else {
            throw Refusal(500, "could not initialize provider: unknown CA provider \"\(provider)\"")
        }
        var spelled = Object()
        for member in settings.members { spelled[CASettings.apiKey(member.key)] = member.value }
        for key in spelled.keys where !CASettings.keys.contains(key) {
            core.log(.warn, "agent.server.connect: unknown key in the CA configuration is kept and ignored: key=\(key)")
        }
        try core.configureAuthority(spelled, now: call.now)
        return .answer(.empty)
    }
}
