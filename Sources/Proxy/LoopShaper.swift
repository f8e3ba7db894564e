import Kernel
import Mesh
import Reactor

/// The meters of one loop and who goes through them: each shaped connection's own, those of its source, those of its route.
struct LoopShaper: ~Copyable {
    /// One meter for each direction; -1 where nothing is limited.
    struct Meters {
        var inward: Shaper.Meter = -1
        var outward: Shaper.Meter = -1
    }

    private struct Pair {
        var inward: Shaper.Flow
        var outward: Shaper.Flow
        var own: Meters
        var source: Int32
    }

    private struct Source {
        var key: String
        var meters: Meters
        var tunnels: Int
    }

    var shaper = Shaper()
    /// The wake-up of each meter that somebody waits at.
    var timers: [TimerID] = []
    private var pairs: [Pair] = []
    private var freePairs: [Int32] = []
    private var sources: [Source?] = []
    private var freeSources: [Int32] = []
    private var sourceOfKey: [String: Int32] = [:]
    /// Sources kept although none of their tunnels live: who comes back finds its bucket as it left it.
    private static let quietSources = 1024

    /// Opens meters for limits.
    mutating func open(_ limits: BandwidthLimits, now: Instant) -> Meters {
        var meters = Meters()
        if let limit = limits.inward { meters.inward = shaper.open(limit, now: now) }
        if let limit = limits.outward { meters.outward = shaper.open(limit, now: now) }
        while timers.count <= Int(max(meters.inward, meters.outward)) { timers.append(.none) }
        return meters
    }

    /// Closes meters that nobody goes through any more.
    mutating func close(_ meters: Meters) {
        if meters.inward >= 0 { shaper.close(meters.inward) }
        if meters.outward >= 0 { shaper.close(meters.outward) }
    }

    /// Takes a connection in; the number stands for it until `leave`.
    mutating func join(
        _ owner: Token, own: BandwidthLimits, source: BandwidthLimits, sourceKey: @autoclosure () -> String,
        route: Meters, now: Instant
    ) -> Int32 {
        let own = open(own, now: now)
        let place = source.isEmpty ? -1 : join(sourceKey(), source, now)
        let shared = place < 0 ? Meters() : sources[Int(place)]!.meters
        func flow(_ meters: InlineArray<3, Shaper.Meter>) -> Shaper.Flow {
            meters[0] < 0 && meters[1] < 0 && meters[2] < 0 ? -1 : shaper.join(owner.raw, meters)
        }
        let pair = Pair(
            inward: flow([own.inward, shared.inward, route.inward]),
            outward: flow([own.outward, shared.outward, route.outward]), own: own, source: place)
        if let free = freePairs.popLast() {
            pairs[Int(free)] = pair
            return free
        }
        pairs.append(pair)
        return Int32(pairs.count - 1)
    }

    private mutating func join(_ key: String, _ limits: BandwidthLimits, _ now: Instant) -> Int32 {
        if let place = sourceOfKey[key] {
            sources[Int(place)]!.tunnels += 1
            return place
        }
        if sourceOfKey.count >= Self.quietSources { forgetRested(now) }
        let place = freeSources.popLast() ?? Int32(sources.count)
        if Int(place) == sources.count { sources.append(nil) }
        sources[Int(place)] = Source(key: key, meters: open(limits, now: now), tunnels: 1)
        sourceOfKey[key] = place
        return place
    }

    private mutating func forgetRested(_ now: Instant) {
        for place in sources.indices {
            guard let source = sources[place], source.tunnels == 0 else { continue }
            let isRested =
                (source.meters.inward < 0 || shaper.isRested(source.meters.inward, now: now))
                && (source.meters.outward < 0 || shaper.isRested(source.meters.outward, now: now))
            if isRested { forget(Int32(place)) }
        }
    }

    private mutating func forget(_ place: Int32) {
        guard let source = sources[Int(place)] else { return }
        close(source.meters)
        sourceOfKey[source.key] = nil
        sources[Int(place)] = nil
        freeSources.append(place)
    }

    /// Forgets the sources, without tunnels now, whose keys begin so: their limits have changed.
    mutating func forgetSources(prefix: String) {
        for place in sources.indices {
            guard let source = sources[place], source.tunnels == 0, source.key.hasPrefix(prefix) else { continue }
            forget(Int32(place))
        }
    }

    /// A connection has ended, or is shaped no more.
    mutating func leave(_ number: Int32) {
        let pair = pairs[Int(number)]
        if pair.inward >= 0 { shaper.leave(pair.inward) }
        if pair.outward >= 0 { shaper.leave(pair.outward) }
        close(pair.own)
        if pair.source >= 0 { sources[Int(pair.source)]!.tunnels -= 1 }
        freePairs.append(number)
    }

    /// The flow of a connection towards the service.
    func inward(_ number: Int32) -> Shaper.Flow { number < 0 ? -1 : pairs[Int(number)].inward }

    /// The flow of a connection from the service.
    func outward(_ number: Int32) -> Shaper.Flow { number < 0 ? -1 : pairs[Int(number)].outward }
}
