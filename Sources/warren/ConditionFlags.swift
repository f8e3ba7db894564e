import JSON
import Kernel
import Mesh
import Proxy

/// The flags of a data plane that shape, copy or disturb its connections.
enum ConditionFlags {
    static func declare(_ flags: inout Flags) {
        flags.value(
            "bandwidth", "rate",
            "How fast bytes may move each way, all connections together, such as 10MB/s, 500KiB/s, 100Mbit/s or a number of bytes a second. By default there is no limit."
        )
        flags.value("bandwidth-per-connection", "rate", "The same for each connection.")
        flags.value(
            "bandwidth-per-source", "rate", "The same for the connections of each client's certificate or address.")
        flags.value(
            "bandwidth-burst", "bytes",
            "Bytes that may move at once after a quiet time. The default is 50 ms' worth, at least 16KiB.")
        flags.value(
            "connection-rate", "number",
            "Connections taken in a second; more wait in the kernel's queue. The default is 0, no limit.")
        flags.value(
            "mirror", "address",
            "Sends a copy of what clients send to this address, in plain TCP, and drops its answers.")
        flags.value("mirror-percent", "number", "How many of a hundred connections -mirror copies. The default is 100.")
        flags.list(
            "fault",
            "json",
            "Makes trouble on purpose, for instance {\"kind\":\"reset\",\"after_bytes\":1000,\"percent\":5,\"expires\":\"2030-01-02T15:04:05Z\"}. Kinds are refuse, delay, throttle, reset, stall and half-open; expires is at most 24h ahead."
        )
    }

    static func read(_ flags: Flags, into settings: inout RouteSettings) throws(Flags.Misuse) {
        let burst = try bytes(flags, "bandwidth-burst", rate: false)
        settings.shaping.route = try limits(flags, "bandwidth", burst)
        settings.shaping.tunnel = try limits(flags, "bandwidth-per-connection", burst)
        settings.shaping.source = try limits(flags, "bandwidth-per-source", burst)
        if burst != nil, !settings.shaping.limitsBytes {
            throw Flags.Misuse(description: "-bandwidth-burst means nothing without a -bandwidth flag")
        }
        let rate = try flags.number("connection-rate", in: 0...1_000_000, default: 0)
        if rate > 0 { settings.shaping.connectionsPerSecond = UInt64(rate) }
        settings.mirror = try mirror(flags)
        settings.faults = try faults(flags)
    }

    private static func bytes(_ flags: Flags, _ name: String, rate: Bool) throws(Flags.Misuse) -> UInt64? {
        guard let text = flags.text(name) else { return nil }
        guard let count = ByteCount.parse(text, rate: rate) else {
            throw Flags.Misuse(
                description: "invalid value \"\(text)\" for -\(name): want \(ByteCount.wanted(rate: rate))")
        }
        return count
    }

    private static func limits(
        _ flags: Flags, _ name: String, _ burst: UInt64?
    ) throws(Flags.Misuse) -> BandwidthLimits {
        guard let rate = try bytes(flags, name, rate: true) else { return BandwidthLimits() }
        let limit = BandwidthLimit(bytesPerSecond: rate, burst: burst)
        return BandwidthLimits(inward: limit, outward: limit)
    }

    private static func mirror(_ flags: Flags) throws(Flags.Misuse) -> Mirror? {
        guard let text = flags.text("mirror") else {
            if flags.isGiven("mirror-percent") {
                throw Flags.Misuse(description: "-mirror-percent means nothing without -mirror")
            }
            return nil
        }
        let percent = try flags.number("mirror-percent", in: 0...100, default: 100)
        let name: EndpointName
        do throws(EndpointName.Malformed) {
            name = try EndpointName(parsing: text)
        } catch {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -mirror: \(error)")
        }
        guard case .address(let address) = name else {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -mirror: want an address in digits")
        }
        return Mirror(address, percent: Double(percent))
    }

    private static func faults(_ flags: Flags) throws(Flags.Misuse) -> FaultPlan {
        var entries: [Value] = []
        for text in flags.texts("fault") {
            do throws(ParseError) {
                entries.append(try Value(parsing: text))
            } catch {
                throw Flags.Misuse(description: "invalid value \"\(text)\" for -fault: want a JSON object: \(error)")
            }
        }
        do throws(SettingsError) {
            return try FaultPlan(reading: .array(entries), path: "-fault", now: Clock.realtime)
        } catch {
            throw Flags.Misuse(description: error.description)
        }
    }
}
