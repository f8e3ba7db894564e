import JSON

/// `LoadBalancer` of a service-resolver: how an instance is chosen among the healthy ones.
package struct LoadBalancer: Sendable, Hashable {
    /// Consul's word for the policy; empty for the default.
    package var policy = ""
    /// `RingHashConfig`, kept as written. The ring here grows with the weights, so the sizes are bounds nobody hits.
    var ringHash: Object?
    /// `LeastRequestConfig.ChoiceCount`: 2 is what is done here.
    var choiceCount: Int64?
    /// Whether connections are hashed by their source's address, the only thing a connection has to be hashed by.
    var hashesSource = false
    var isTerminal = false
    /// `SlowStartConfig`: how the weight of new instances grows.
    package var slowStart: SlowStart?
    /// `ZoneAwareConfig`: how far connections stay in their zone.
    package var zones: ZoneSettings?

    /// The policy; `nil` for the default.
    package var balance: BalancePolicy? { BalancePolicy(word: policy) }
}

extension LoadBalancer {
    /// Reads the block.
    init(_ value: Value, _ reader: inout EntryReader) throws(EntryFault) {
        let block = try reader.block(
            value, "LoadBalancer",
            ["Policy", "RingHashConfig", "LeastRequestConfig", "HashPolicies"] + Self.ownKeys)
        policy = try block.text("Policy")
        try readOwn(block, &reader)
        if let value = block["RingHashConfig"] {
            let own = try reader.block(value, "LoadBalancer.RingHashConfig", ["MinimumRingSize", "MaximumRingSize"])
            var sizes = Object()
            let sizeRange: ClosedRange<Int64> = 0...8_388_608
            let least = try own.integer("MinimumRingSize", in: sizeRange) ?? 0
            let most = try own.integer("MaximumRingSize", in: sizeRange) ?? 0
            guard most == 0 || least <= most else {
                throw .invalid("LoadBalancer.RingHashConfig.MinimumRingSize \(least) is above MaximumRingSize \(most)")
            }
            if least > 0 { sizes.append("MinimumRingSize", .number(least)) }
            if most > 0 { sizes.append("MaximumRingSize", .number(most)) }
            ringHash = sizes
        }
        if let value = block["LeastRequestConfig"] {
            let own = try reader.block(value, "LoadBalancer.LeastRequestConfig", ["ChoiceCount"])
            choiceCount = try own.integer("ChoiceCount", in: 0...1000) ?? 0
        }
        for (place, value) in try block.list("HashPolicies").enumerated() {
            let path = "LoadBalancer.HashPolicies[\(place)]"
            let own = try reader.block(value, path, ["Field", "FieldValue", "CookieConfig", "SourceIP", "Terminal"])
            let field = try own.text("Field")
            guard field.isEmpty, own["FieldValue"] == nil, own["CookieConfig"] == nil else {
                throw .invalid(
                    "\(path).Field is \"\(field)\": a connection is hashed by its source only, want SourceIP true")
            }
            guard try own.truth("SourceIP") else { throw .invalid("\(path).SourceIP must be true") }
            hashesSource = true
            if try own.truth("Terminal") { isTerminal = true }
        }
    }

    /// What must hold of it.
    func check() throws(EntryFault) {
        guard policy.isEmpty || balance != nil else {
            throw .invalid(
                "Bad LoadBalancer.Policy \"\(policy)\": want "
                    + BalancePolicy.allCases.map(\.word).sorted().joined(separator: ", "))
        }
        if ringHash != nil, balance != .ringHash {
            throw .invalid(
                "Bad LoadBalancer configuration. RingHashConfig specified for incompatible load balancing policy \"\(policy)\""
            )
        }
        if let choiceCount {
            guard balance == .leastOfTwo else {
                throw .invalid(
                    "Bad LoadBalancer configuration. LeastRequestConfig specified for incompatible load balancing policy \"\(policy)\""
                )
            }
            guard choiceCount == 0 || choiceCount == 2 else {
                throw .invalid(
                    "LoadBalancer.LeastRequestConfig.ChoiceCount is \(choiceCount): the choice is between 2 here")
            }
        }
        if hashesSource, balance != .ringHash, balance != .maglev {
            throw .invalid("HashPolicies specified for non-hash-based Policy: \"\(policy)\"")
        }
        try checkOwn()
    }

    /// The block as the API shows it.
    package var json: Value {
        var own = Object()
        own.add("Policy", policy)
        if let ringHash { own.append("RingHashConfig", .object(ringHash)) }
        if let choiceCount {
            own.append("LeastRequestConfig", choiceCount > 0 ? ["ChoiceCount": .number(choiceCount)] : [:])
        }
        if hashesSource {
            var hash: Object = ["SourceIP": true]
            if isTerminal { hash.append("Terminal", true) }
            own.append("HashPolicies", [.object(hash)])
        }
        addOwn(to: &own)
        return .object(own)
    }
}
