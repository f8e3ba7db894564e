import JSON

/// What a listener does to its connections beside relaying them: the blocks `shaping`, `faults` and `mirror` of a proxy's or
/// an upstream's configuration. Agents read them to refuse what sidecars could not use, sidecars to use them. `nil` for a
/// block that is not there.
public struct ConditionSettings: Sendable, Hashable {
    /// How fast connections come and move.
    public var shaping: ShapingSettings?
    /// Troubles made on purpose, their expiries in nanoseconds since 1970.
    public var faults: FaultPlan?
    /// Who gets a copy.
    public var mirror: MirrorSettings?

    /// Reads the blocks of a map that stands at `path`; its other keys are left alone.
    ///
    /// - Parameter now: nanoseconds since 1970, by which a fault's expiry is judged; `nil` for settings that were judged when
    ///   they were written.
    public init(reading value: Value, path: String, now: Int64?) throws(SettingsError) {
        let reader: SettingsReader
        do throws(TypeError) {
            reader = try SettingsReader(Reader(value, path: .key(.root, path)))
        } catch {
            throw SettingsError(error.description)
        }
        if let block = Self.block("shaping", reader) {
            shaping = try ShapingSettings(reading: block.value, path: block.path.description)
        }
        if let block = Self.block("faults", reader) {
            faults = try FaultPlan(reading: block.value, path: block.path.description, now: now)
        }
        if let block = Self.block("mirror", reader) {
            mirror = try MirrorSettings(reading: block.value, path: block.path.description)
        }
    }

    /// The block under `key`, whatever its letters' case: a limit must not be missed because it was written as `Shaping`.
    private static func block(_ key: String, _ reader: SettingsReader) -> Reader? {
        // The reader holds an object or null, the only thing that could be wrong.
        (try? reader.member(key)) ?? nil
    }
}
