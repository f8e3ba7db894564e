import HTTP
import Kernel
import Log
import Mesh
import Proxy
import Reactor

/// A public listener whose address was changed: the new one first, and the old one goes when callers know.
///
/// 1. The new address is listened on, 2. the agent is told, and shows it to callers, 3. callers had time to hear of it,
/// 4. the old listener's queue is served and it is closed. Its tunnels live on, judged by the rules of the day.
extension Sidecar {
    /// A public route as it is served.
    struct PublishedRoute {
        var id: RouteID
        /// Where it listens, as the definition says it.
        var address: EndpointName
        /// The address that this came to.
        var place: SocketAddress
        var targets: [Target]
    }

    /// A public route whose place was taken by another.
    struct RetiredRoute {
        var place: SocketAddress
        /// It accepts until it is removed, so it keeps its targets.
        var targets: [Target]
        /// Loops that may still have tunnels of it.
        var workers: Int
        var closing = Closing.waitsForAgent

        enum Closing {
            /// The agent has not been told yet of what took its place.
            case waitsForAgent
            /// Callers get time to hear of it.
            case scheduled(ControlLoop.ActionID)
            /// It accepts no more.
            case isClosed
        }
    }

    /// The time in which callers hear of a new place: they wait for such news by blocking queries.
    private static let grace: Nanoseconds = .seconds(2)
    /// The same where the agent takes no reports and finds out by its own check, once in ten seconds.
    private static let graceOfChecks: Nanoseconds = .seconds(15)

    /// Takes a listener back that was left for another one and accepts still.
    func takeBack(_ place: SocketAddress) -> RouteID? {
        for (id, route) in retired where route.place == place {
            switch route.closing {
            case .waitsForAgent: break
            case .scheduled(let action): loop.cancel(action)
            case .isClosed: continue
            }
            retired[id] = nil
            log.info("listening again", .text("route", "public"), .text("address", place.description))
            return id
        }
        return nil
    }

    /// Lets a public listener go once callers know of its successor.
    func retire(_ route: PublishedRoute) {
        retired[route.id] = RetiredRoute(place: route.place, targets: route.targets, workers: plane.workerCount)
        // Without a successor, and without an agent that could be told, there is nothing to wait for but time.
        if definition?.listen == nil || proxyID == nil { closeRetired(after: Self.graceOfChecks) }
    }

    private func closeRetired(after delay: Nanoseconds) {
        for (id, route) in retired {
            guard case .waitsForAgent = route.closing else { continue }
            let action = loop.schedule(after: delay) { [weak self] in
                guard let self else { return }
                retired[id]?.closing = .isClosed
                plane.remove(id)
            }
            retired[id]?.closing = .scheduled(action)
        }
    }

    /// A loop has nothing left of a removed route.
    func emptied(_ id: RouteID) {
        guard let workers = retired[id]?.workers else { return }
        if workers > 1 { retired[id]?.workers = workers - 1 } else { retired[id] = nil }
    }

    /// Tells the agent where the public listener is open: callers are sent there from then on, and its check passes without
    /// waiting for its turn. Agents that do not know the path answer 404, and find out by their check.
    func reportListening() {
        guard let proxyID, publicRoute != nil, !isDraining, let place = definition?.place, reportedPlace != place else {
            return
        }
        reportedPlace = place
        let path = "/v1/agent/connect/listening/\(PercentCoding.encodePath(proxyID))"
        agent.put("\(path)?at=\(PercentCoding.encodeQuery(place))") { [weak self] result in
            // What has changed again meanwhile is reported by a report of its own.
            guard let self, reportedPlace == place else { return }
            switch result {
            case .success(let response):
                closeRetired(after: response.status == 200 ? Self.grace : Self.graceOfChecks)
            case .failure:
                reportedPlace = nil
                // While the agent is away its first answer makes for another report.
                loop.schedule(after: .seconds(1)) { [weak self] in
                    if self?.awaySince == nil { self?.reportListening() }
                }
            }
        }
    }
}
