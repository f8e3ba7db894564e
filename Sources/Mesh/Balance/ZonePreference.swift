/// How far connections stay in their own zone.
///
/// A zone keeps its callers' connections as long as it can bear them, and gives the rest to the others in proportion to what
/// they can bear. The model is Envoy's zone aware routing with one assumption in the place of a fact that a sidecar does not
/// know: that callers are spread evenly over the zones in which there are instances. Of three zones each then has a third of
/// the callers, and may keep them all while it has a third of all healthy weight; while it has half of that, half stay.
/// Envoy's overprovisioning factor stands in front: with 140 a zone keeps all while it has 71 % of its part, so that one
/// instance that is away does not at once send connections through other zones.
public struct ZonePreference: Sendable, Hashable {
    /// The callers' own zone, as `BalanceHash.of` its name.
    public var zone: UInt64
    /// With fewer instances no zone is preferred: shares would be too coarse (`min_cluster_size`).
    public var minimumInstances: Int
    /// A zone is asked for so much of a hundred of what is its part (`overprovisioning_factor`).
    public var overprovisionPercent: Int

    /// A preference for `zone`, with Envoy's defaults.
    public init(zone: UInt64, minimumInstances: Int = 6, overprovisionPercent: Int = 140) {
        self.zone = zone
        self.minimumInstances = minimumInstances
        self.overprovisionPercent = max(1, overprovisionPercent)
    }

    /// All connections, in parts.
    static let whole = 65_536

    /// How many of the parts stay in the own zone.
    ///
    /// - Parameters:
    ///   - near: the weight of the own zone's instances that may be chosen.
    ///   - all: that of all zones' instances.
    ///   - zones: zones in which there are instances.
    func share(near: Int, all: Int, zones: Int) -> Int {
        guard near > 0, all > near else { return near > 0 ? Self.whole : 0 }
        let part = Double(overprovisionPercent) / 100 * Double(zones) * Double(near) / Double(all)
        return Int(min(1, part) * Double(Self.whole))
    }
}

/// What was said about a preference, before it is known which zone is the own one.
public struct ZoneSettings: Sendable, Hashable {
    /// The own zone; `nil` for what the service's or the node's meta says.
    public var zone: String?
    /// The key of a service's meta, or else its node's, that names the zone (`meta_key`).
    public var metaKey = "zone"
    /// See `ZonePreference`.
    public var minimumInstances: Int?
    /// See `ZonePreference`.
    public var overprovisionPercent: Int?

    /// Nothing but that the own zone is preferred.
    public init() {}

    /// The preference of a caller in `zone`.
    public func preference(for zone: String) -> ZonePreference {
        var preference = ZonePreference(zone: BalanceHash.of(zone))
        preference.minimumInstances = minimumInstances ?? preference.minimumInstances
        preference.overprovisionPercent = overprovisionPercent ?? preference.overprovisionPercent
        return preference
    }
}
