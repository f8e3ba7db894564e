import JSON
import Kernel
import Mesh
import Proxy
import Testing

@testable import Sidecar

@Suite("Shaping, faults and mirrors in a proxy's configuration")
struct ConditionTests {
    private let noon = Timestamp(rfc3339: "2026-11-23T12:00:00Z")!.nanoseconds

    private func read(_ config: Value) throws(DefinitionError) -> RouteSettings {
        var settings = RouteSettings()
        try settings.readConditions(Config(config, path: "Proxy.Config"), now: noon)
        return settings
    }

    @Test("are read")
    func given() throws {
        let settings = try read([
            "shaping": ["connection": ["bandwidth_out": "1MB/s"]],
            "faults": [["kind": "refuse", "source": "web", "expires": "2026-11-23T13:00:00Z"]],
            "mirror": ["address": "127.0.0.1:9000", "percent": 5],
        ])
        #expect(settings.shaping.tunnel.outward == BandwidthLimit(bytesPerSecond: 1_000_000))
        #expect(settings.faults.rules.map(\.fault.kind) == [.refuse])
        #expect(settings.mirror == Mirror(SocketAddress(ip: "127.0.0.1", port: 9000)!, percent: 5))
    }

    @Test("are off when nobody asks for them")
    func absent() throws {
        #expect(try read(["shaping": nil, "faults": nil, "mirror": nil]) == RouteSettings())
        #expect(try read([:]) == RouteSettings())
    }

    @Test(
        "are refused with the path of what is wrong",
        arguments: [
            (["shaping": ["source": ["bandwidth_in": "quick"]]], "Proxy.Config.shaping.source.bandwidth_in must be"),
            (["shaping": 5], "Proxy.Config.shaping: want a map, have number"),
            (["faults": [["kind": "refuse"]]], "Proxy.Config.faults[0].expires is missing"),
            (["faults": ["kind": "refuse"]], "Proxy.Config.faults: want a list"),
            (["mirror": ["percent": 5]], "Proxy.Config.mirror.address is missing"),
            (["mirror": ["address": "shadow:9000"]], "Proxy.Config.mirror.address is the name"),
            (["mirror": ["address": "9000"]], "Proxy.Config.mirror.address is \"9000\", which has no port"),
            (["mirror": ["address": "127.0.0.1:9000", "share": 5]], "Proxy.Config.mirror.share is not known"),
        ] as [(Value, String)])
    func refused(config: Value, sentence: String) {
        do throws(DefinitionError) {
            _ = try read(config)
            Issue.record("taken: \(config)")
        } catch {
            #expect(error.description.contains(sentence), "\(error)")
        }
    }
}
