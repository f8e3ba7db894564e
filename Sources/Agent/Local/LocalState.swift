import JSON
import Mesh

/// Where a registration came from: a file's are gone with the file, the API's are kept.
enum Source: Sendable, Hashable {
    case file
    case api
    /// Made by the agent itself for another registration: a sidecar, a managed proxy.
    case derived
}

/// A service of this agent.
struct LocalService: Sendable {
    /// With its id filled in; the checks and sidecar blocks are taken out.
    var definition: ServiceDefinition
    var source: Source
    /// The ACL token it was registered with.
    var token = ""
    /// The id of the service this was made for.
    var parent: String?
    /// What a 1.2 managed proxy shows on its own endpoint; of a proxy service only.
    var managed: ManagedProxy?
}

/// A 1.2 managed proxy's settings in effect.
struct ManagedProxy: Sendable {
    var targetID: String
    var targetName: String
    var execMode: String
    var command: [String]
    /// The defaults, the definition's own settings and what the agent fills in.
    var config: Object
}

/// A check of this agent.
struct LocalCheck: Sendable {
    var definition: CheckDefinition
    var type: CheckType
    var source: Source
    /// What the agent shows, always current.
    var status: CheckStatus
    var output = ""
    var notes: String { definition.notes }
    /// Tells results of this registration from those of an earlier one under the same id.
    var generation: UInt64
    var successes = 0
    var failures = 0
    /// Since when it has been critical, in ticks.
    var criticalSince: Int64?
}

/// What this agent itself registered; authoritative for its node.
struct LocalState: Sendable {
    var services: [String: LocalService] = [:]
    var checks: [String: LocalCheck] = [:]
    /// Ids of the services made for another one, by its id.
    var children: [String: Set<String>] = [:]
    /// Ids of checks by service id; under "" those of the node.
    var checkIDs: [String: Set<String>] = [:]
    /// Alias checks by the service id they mirror, so that a change finds them.
    var aliases: [String: Set<String>] = [:]
    /// Alias checks that mirror another node, whose checks only the catalog knows.
    var remoteAliases: Set<String> = []
    /// The sidecars the agent runs, by proxy id.
    var sidecars: [String: SidecarSpec] = [:]
    /// Where each sidecar reported last that it listens, by proxy id.
    var listening: [String: String] = [:]
    /// Proxies that callers are still shown at the place before, until their sidecars listen at the new one.
    var moving: Set<String> = []
    /// Ports given to managed proxies, kept for their next registration.
    var proxyPorts: [String: Int] = [:]
    var generation: UInt64 = 0

    mutating func nextGeneration() -> UInt64 {
        generation += 1
        return generation
    }

    /// A service's checks, or the node's under "", in order of id.
    func checks(of service: String) -> [(id: String, check: LocalCheck)] {
        (checkIDs[service] ?? []).sorted().compactMap { id in checks[id].map { (id, $0) } }
    }
}
