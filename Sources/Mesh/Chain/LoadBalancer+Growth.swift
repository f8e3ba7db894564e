import JSON

/// What a resolver's `LoadBalancer` says about new instances and zones, which Consul's does not: named as Envoy's settings
/// are, spelled as an entry's.
extension LoadBalancer {
    static let ownKeys = ["SlowStartConfig", "ZoneAwareConfig"]

    /// Reads both blocks.
    mutating func readOwn(_ block: EntryBlock, _ reader: inout EntryReader) throws(EntryFault) {
        if let value = block["SlowStartConfig"] { slowStart = try Self.slowStart(value, &reader) }
        if let value = block["ZoneAwareConfig"] { zones = try Self.zones(value, &reader) }
    }

    private static func slowStart(_ value: Value, _ reader: inout EntryReader) throws(EntryFault) -> SlowStart? {
        let path = "LoadBalancer.SlowStartConfig"
        let own = try reader.block(value, path, ["SlowStartWindow", "Aggression", "MinWeightPercent"])
        guard let window = try own.duration("SlowStartWindow") else {
            throw .invalid("\(path).SlowStartWindow is missing: want a duration such as \"30s\"")
        }
        guard window > .zero else { return nil }
        var slowStart = SlowStart(window: UInt64(window.nanoseconds))
        if own["Aggression"] != nil {
            slowStart.aggression = try own.number("Aggression")
            guard (0.01...100).contains(slowStart.aggression) else {
                throw .invalid("\(path).Aggression must be from 0.01 to 100, not \(slowStart.aggression)")
            }
        }
        if let least = try own.integer("MinWeightPercent", in: 1...100) { slowStart.minimumPercent = Int(least) }
        return slowStart
    }

    private static func zones(_ value: Value, _ reader: inout EntryReader) throws(EntryFault) -> ZoneSettings {
        let own = try reader.block(
            value, "LoadBalancer.ZoneAwareConfig", ["MetaKey", "MinClusterSize", "OverprovisioningFactor"])
        var zones = ZoneSettings()
        let key = try own.text("MetaKey")
        if !key.isEmpty { zones.metaKey = key }
        zones.minimumInstances = try own.integer("MinClusterSize", in: 0...1_000_000).map { Int($0) }
        zones.overprovisionPercent = try own.integer("OverprovisioningFactor", in: 100...1000).map { Int($0) }
        return zones
    }

    /// Refuses what the policy would not heed.
    func checkOwn() throws(EntryFault) {
        guard let balance, balance.usesHash else { return }
        for (name, isSet) in [("SlowStartConfig", slowStart != nil), ("ZoneAwareConfig", zones != nil)] where isSet {
            throw .invalid(
                "Bad LoadBalancer configuration. \(name) specified for incompatible load balancing policy \"\(policy)\""
            )
        }
    }

    /// Both blocks as the API shows them.
    func addOwn(to object: inout Object) {
        if let slowStart {
            var own: Object = ["SlowStartWindow": .string(Duration.nanoseconds(Int64(slowStart.window)).go)]
            own.append("Aggression", .double(slowStart.aggression))
            own.append("MinWeightPercent", .number(slowStart.minimumPercent))
            object.append("SlowStartConfig", .object(own))
        }
        if let zones {
            var own: Object = ["MetaKey": .string(zones.metaKey)]
            if let least = zones.minimumInstances { own.append("MinClusterSize", .number(least)) }
            if let factor = zones.overprovisionPercent { own.append("OverprovisioningFactor", .number(factor)) }
            object.append("ZoneAwareConfig", .object(own))
        }
    }

    /// Reads what an agent's chain shows. What another agent's balancer has beyond ours concerns requests and is passed over,
    /// and so is a block that cannot be read.
    init(reading shown: Value) {
        self.init(policy: shown["Policy"]?.string ?? "")
        var reader = EntryReader()
        if let value = shown["SlowStartConfig"] { slowStart = try? Self.slowStart(value, &reader) }
        if let value = shown["ZoneAwareConfig"] { zones = try? Self.zones(value, &reader) }
    }
}
