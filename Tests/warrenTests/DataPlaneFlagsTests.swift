import Kernel
import Log
import Proxy
import Testing

@testable import warren

@Suite("The flags of a data plane")
struct DataPlaneFlagsTests {
    private func read(_ words: [String]) throws(Flags.Misuse) -> DataPlaneFlags {
        var flags = Flags(usage: "x")
        DataPlaneFlags.declare(&flags)
        _ = try flags.parse(words)
        return try DataPlaneFlags(flags)
    }

    static let needed = ["-listen", ":1", "-target", ":2"]

    @Test("have the defaults that the help text says")
    func defaults() throws {
        let options = try read(Self.needed)
        #expect(options.listeners.map(\.description) == ["0.0.0.0:1"])
        #expect(options.targets.map(\.description) == ["127.0.0.1:2"])
        #expect(options.route.connectTimeout == .seconds(5) && options.route.idleTimeout == 0)
        #expect(options.route.halfCloseTimeout == .seconds(60) && options.drainTimeout == .seconds(30))
        #expect(options.route.keepalive == .seconds(30) && options.route.userTimeout == .seconds(120))
        #expect(options.workers == 1 && options.maxConnections == 8192)
        #expect(options.log.level == .info && !options.log.isJSON && options.log.accessPath == nil)
    }

    @Test("are read")
    func given() throws {
        let options = try read(
            Self.needed + [
                "-listen", "unix:/x", "-target=h:3", "-workers", "auto", "-connect-timeout", "1s", "-idle-timeout=2s",
                "-half-close-timeout", "0", "-max-connections", "7", "-drain-timeout=4s", "-log-level=ERR",
                "-log-json", "-access-log=-", "-keepalive", "9s", "-user-timeout=0",
            ])
        #expect(options.route.keepalive == .seconds(9) && options.route.userTimeout == 0)
        #expect(options.listeners.count == 2 && options.targets.count == 2)
        #expect(options.workers == Limits.processors && options.maxConnections == 7)
        #expect(options.route.connectTimeout == .seconds(1) && options.route.idleTimeout == .seconds(2))
        #expect(options.route.halfCloseTimeout == 0 && options.drainTimeout == .seconds(4))
        #expect(options.log.level == .error && options.log.isJSON && options.log.accessPath == "-")
    }

    /// Words, and what the sentence must name.
    static let misuses: [(words: [String], named: [String])] = [
        ([], ["-listen"]),
        (["-listen", ":1"], ["-target"]),
        (["-listen", "x", "-target", ":2"], ["-listen", "\"x\"", "HOST:PORT"]),
        (["-listen", ":1", "-target", "a:b"], ["-target", "\"a:b\"", "65535"]),
        (needed + ["-workers", "0"], ["-workers", "\"0\"", "256"]),
        (needed + ["-workers", "many"], ["-workers", "\"many\"", "auto"]),
        (needed + ["-max-connections", "0"], ["-max-connections", "\"0\""]),
        (needed + ["-connect-timeout", "0"], ["-connect-timeout"]),
        (needed + ["-idle-timeout", "soon"], ["-idle-timeout", "\"soon\"", "10s"]),
        (needed + ["-log-level", "loud"], ["-log-level", "\"loud\"", "debug"]),
        (needed + ["-keepalive", "10ms"], ["-keepalive", "\"10ms\"", "1s", "9h"]),
        (needed + ["-keepalive", "24h"], ["-keepalive", "\"24h\""]),
        (needed + ["-user-timeout", "24h"], ["-user-timeout", "\"24h\""]),
        (needed + ["stray"], ["\"stray\"", "-listen"]),
    ]

    @Test("misuse names the flag, the value and the remedy", arguments: misuses)
    func misuse(words: [String], named: [String]) {
        do throws(Flags.Misuse) {
            _ = try read(words)
            Issue.record("\(words) were taken")
        } catch {
            for part in named { #expect(error.description.contains(part), "\(error.description)") }
            #expect(!error.description.contains("\n"))
        }
    }
}
