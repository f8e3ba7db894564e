import JSON
import Testing

@testable import Mesh

@Suite("Shaping, faults and mirrors as settings")
struct ConditionSettingsTests {
    private let noon = Timestamp(rfc3339: "2026-11-23T12:00:00Z")!.nanoseconds

    private func read(_ config: Value, now: Int64? = nil) throws(SettingsError) -> ConditionSettings {
        try ConditionSettings(reading: config, path: "Config", now: now ?? noon)
    }

    @Test("are found whatever their key's case, and nothing else is looked at")
    func found() throws {
        #expect(try read(["other": 5]) == ConditionSettings(reading: .null, path: "", now: nil))
        let settings = try read([
            "Shaping": ["connections_per_second": 5],
            "FAULTS": [["kind": "refuse", "expires": "2026-11-23T13:00:00Z"]],
            "mirror": ["address": "[::1]:9000"],
        ])
        #expect(settings.shaping?.connectionsPerSecond == 5)
        #expect(settings.faults?.rules.count == 1)
        #expect(settings.mirror?.address == "[::1]:9000" && settings.mirror?.percent == 100)
    }

    @Test("name the key as it was written")
    func spelling() {
        let error = #expect(throws: SettingsError.self) { try read(["Shaping": ["connections_per_second": -5]]) }
        #expect(
            error?.description == "Config.Shaping.connections_per_second must be a number from 1 to 1000000",
            "\(error?.description ?? "")")
        #expect(throws: SettingsError("Config: want object, have number")) { try read(5) }
    }

    @Test("that were judged when they were written are not judged by today's clock")
    func restored() throws {
        let config: Value = ["faults": [["kind": "refuse", "expires": "2026-11-25T13:00:00Z"]]]
        let error = #expect(throws: SettingsError.self) { try read(config) }
        #expect(error?.description.hasPrefix("Config.faults[0].expires is too far ahead: want a moment in UTC") == true)
        #expect(try ConditionSettings(reading: config, path: "Config", now: nil).faults?.rules.count == 1)
    }

    @Test(
        "have a shadow's address in digits",
        arguments: [
            ("127.0.0.1:9000", nil), (":9000", nil), ("[::1]:1", nil), ("unix:/run/shadow", nil),
            ("9000", "has no port"), ("127.0.0.1:0", "want a port from 1 to 65535"), ("127.0.0.1:+7", "want a port"),
            ("127.0.0.1:65536", "want a port"),
            ("shadow:9000", "is the name \"shadow:9000\": give the address in digits"),
            ("::1:9000", "write an IPv6 address in brackets"), ("[127.0.0.1]:9", "no IPv6 address"),
            ("[fe80::1%eth0]:9", "no IPv6 address"), ("unix:", "without a path"),
            ("256.0.0.1:9", "give the address in digits"),
        ] as [(String, String?)])
    func shadows(address: String, fault: String?) {
        do throws(SettingsError) {
            _ = try read(["mirror": ["address": .string(address)]])
            #expect(fault == nil, "\(address) is taken")
        } catch {
            #expect(fault.map(error.description.contains) == true, "\(error)")
            #expect(error.description.hasPrefix("Config.mirror.address "))
        }
    }
}
