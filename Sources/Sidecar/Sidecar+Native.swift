import Kernel
import Reactor

/// What a program asks that has its sidecar inside.
extension Sidecar {
    /// Accepts mutual TLS on `place` for `application`, registers the service as native, and calls `ready` once callers
    /// can come.
    public func listen(on place: EndpointName, for application: EndpointName, ready: @escaping () -> Void) {
        guard var definition, !isDraining else { return }
        definition.listen = place
        definition.application = application
        onPublicListener = { [weak self] in
            ready()
            self?.register()
        }
        take(definition)
    }

    /// Has local callers of `place` reach `service`, and calls `ready` once an instance of it is known.
    public func dial(_ service: String, on place: EndpointName, ready: @escaping () -> Void) {
        guard var definition, !isDraining else { return }
        let upstream = Upstream(name: service, listen: place)
        awaited[upstream.key, default: []].append(ready)
        if !definition.upstreams.contains(where: { $0.key == upstream.key }) {
            definition.upstreams.append(upstream)
            take(definition)
        } else {
            tellAwaited()
        }
    }

    /// Tells those who wait for upstreams that can be dialled now.
    func tellAwaited() {
        for (key, callers) in awaited {
            let isServed = listeners.values.contains { $0.key == key }
            guard isServed, upstreams[key]?.hasInstances == true else { continue }
            awaited[key] = nil
            for caller in callers { caller() }
        }
    }
}
