import Glibc
import Kernel
import Log
import Proxy
import Reactor
import Relay

/// `warren relay`: plain TCP in, plain TCP out.
func runRelay(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren relay [options] -listen ADDRESS -target ADDRESS

              Accepts connections on each -listen address and relays each to one of the
              -target addresses. ADDRESS is HOST:PORT, [IPV6]:PORT or unix:PATH.

              SIGTERM or SIGINT drains: no new connections, the others get -drain-timeout
              to finish; a second one ends them. SIGUSR1 prints counters and connections.
            """)
    DataPlaneFlags.declare(&flags)
    flags.value(
        "splice", "auto|always|never",
        "When bytes move inside the kernel (splice(2)) instead of through this process. The default is auto: bulk does, the rest is copied."
    )
    if let status = flags.parseOrExplain(words) { return status }
    do throws(Flags.Misuse) {
        var options = try DataPlaneFlags(flags)
        options.loop.splice = try flags.choice("splice", default: .auto)
        let targets = try DataPlaneRunner.targets(options)
        return try DataPlaneRunner.run("relay", options) {
            Route(name: "relay", plan: options.plan("relay", targets), settings: options.route)
        }
    } catch {
        complain("warren relay: \(error)")
        return 1
    }
}
