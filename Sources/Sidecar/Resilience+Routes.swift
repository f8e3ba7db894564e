import Kernel
import Mesh
import Proxy

extension RouteSettings {
    /// Takes over what was said about how long tunnels live.
    mutating func apply(_ lifetimes: LifetimeSettings) {
        idleTimeout = lifetimes.idleTimeout ?? idleTimeout
        halfCloseTimeout = lifetimes.halfCloseTimeout ?? halfCloseTimeout
        longestLife = lifetimes.longestLife ?? longestLife
        lifeJitterPercent = lifetimes.lifeJitterPercent ?? lifeJitterPercent
        endsWithCertificate = lifetimes.endsWithCertificate ?? endsWithCertificate
    }
}

extension InboundSettings {
    /// The timeouts of the public listener.
    var route: RouteSettings {
        var settings = RouteSettings.inbound
        settings.connectTimeout = connectTimeout ?? settings.connectTimeout
        settings.handshakeTimeout = handshakeTimeout ?? settings.handshakeTimeout
        settings.apply(lifetimes)
        return settings
    }

    /// What becomes of live tunnels that are no longer admitted.
    var enforcement: Enforcement {
        switch denyLive {
        case .cut: .cut
        case .keep: .keep
        case .drain(let grace): .drain(grace)
        }
    }

    /// To the application's addresses, within what callers may ask of it.
    func plan(_ application: [Target]) -> RoutePlan {
        RoutePlan(
            Cluster("application", application), retry: .exhaustive, limits: limits, sourceLimits: sourceLimits)
    }
}

extension UpstreamSettings {
    /// The timeouts of an upstream's listener.
    var route: RouteSettings {
        var settings = RouteSettings.outbound
        settings.connectTimeout = connectTimeout ?? settings.connectTimeout
        settings.apply(lifetimes)
        return settings
    }

    /// When an upstream's instances rest.
    var outlierPolicy: OutlierPolicy { outlier?.applied(to: .watchful) ?? .watchful }

    /// To these clusters, in these shares.
    func plan(_ clusters: [Cluster], _ splits: [RoutePlan.Split]) -> RoutePlan {
        RoutePlan(
            clusters: clusters, splits: splits, retry: retry ?? RetryPolicy(), limits: limits,
            hashSource: hashSource ?? .address, hedge: hedge, rebalance: rebalance)
    }
}
