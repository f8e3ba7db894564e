import Kernel
import Log
import Reactor

/// The addresses of the host names that a definition uses: looked up off the loop, again every half minute, and kept
/// while a look-up fails.
final class NameBook {
    private struct Entry {
        var addresses: [SocketAddress]?
        var failures: UInt64 = 0
        var pause: ControlLoop.ActionID?
    }

    private let loop: ControlLoop
    private let log: Logger
    private let changed: () -> Void
    private var entries: [EndpointName: Entry] = [:]

    private static let freshness: Nanoseconds = .seconds(30)

    /// Calls `changed` whenever a name got other addresses.
    init(on loop: ControlLoop, log: Logger, changed: @escaping () -> Void) {
        self.loop = loop
        self.log = log
        self.changed = changed
    }

    /// What is known of a name; `nil` while nothing is, and then `changed` tells when that has changed.
    func addresses(of name: EndpointName) -> [SocketAddress]? {
        if case .address(let address) = name { return [address] }
        if let entry = entries[name] { return entry.addresses }
        entries[name] = Entry()
        lookUp(name)
        return nil
    }

    /// The one address of a name that is listened on, as Go's net.Listen chooses it; `nil` while none is known.
    func listeningAddress(of name: EndpointName) -> SocketAddress? {
        guard let addresses = addresses(of: name) else { return nil }
        return addresses.first(where: \.isIPv4) ?? addresses.first
    }

    /// Forgets every other name.
    func keep(only names: Set<EndpointName>) {
        for (name, entry) in entries where !names.contains(name) {
            if let pause = entry.pause { loop.cancel(pause) }
            entries[name] = nil
        }
    }

    private func lookUp(_ name: EndpointName) {
        loop.resolve(name) { [weak self] result in self?.answered(name, result) }
    }

    private func answered(_ name: EndpointName, _ result: Result<[SocketAddress], Resolver.Failure>) {
        guard var entry = entries[name] else { return }
        let known = entry.addresses
        var delay = Self.freshness
        switch result {
        case .success(let addresses):
            entry.failures = 0
            // Servers of names rotate their answers; the same ones in another order are the same.
            entry.addresses = addresses.sorted { "\($0)" < "\($1)" }
        case .failure(let failure):
            // 1 s, 2 s … 16 s: a name that has just been created is soon there.
            delay = .seconds(1 << min(entry.failures, 4))
            entry.failures += 1
            log.warn(
                known == nil ? "cannot look a name up, trying again" : "cannot look a name up, its last addresses stay",
                .text("error", failure.description), .number("again_ms", delay / 1_000_000))
        }
        entry.pause = loop.schedule(after: delay) { [weak self] in self?.lookUp(name) }
        entries[name] = entry
        if entry.addresses != known { changed() }
    }
}
