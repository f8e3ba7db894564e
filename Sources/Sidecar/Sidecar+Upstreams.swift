import HTTP
import Kernel
import Log
import Mesh
import Proxy

/// Following where upstreams lead: the chain of each, and the instances of the chain's targets.
extension Sidecar {
    func followUpstreams(_ wanted: [Upstream]) {
        guard roots != nil, !isDraining else { return }
        let keys = Set(wanted.map(\.key))
        for key in upstreams.keys where !keys.contains(key) { stopFollowing(key) }
        for upstream in wanted {
            if upstreams[upstream.key] == nil { upstreams[upstream.key] = UpstreamState(upstream: upstream) }
            let before = upstreams[upstream.key]?.upstream.resilience.zones?.metaKey
            upstreams[upstream.key]?.upstream = upstream
            // Its settings may look for zones under another key now.
            let isSame = before == upstream.resilience.zones?.metaKey
            if followers[Self.chainName(upstream.key)] != nil, isSame { continue }
            if followers[Self.chainName(upstream.key)] != nil, upstream.kind == .service {
                followTargets(of: upstream)
                continue
            }
            switch upstream.kind {
            case .service: followChain(of: upstream)
            case .preparedQuery: followQuery(upstream)
            }
        }
    }

    /// Asks for everything anew, since what instances are called hangs on the trust domain.
    func followUpstreamsAnew() {
        for key in upstreams.keys {
            stopFollowing(key)
            upstreams[key]?.forgetInstances()
        }
        if let definition { followUpstreams(definition.upstreams) }
    }

    private static func chainName(_ key: String) -> String { "upstream \(key)" }

    /// No target's id has a blank in it, no listener's name either.
    private static func targetName(_ key: String, _ id: String) -> String { "target \(key) \(id)" }

    private func stopFollowing(_ key: String) {
        followers.removeValue(forKey: Self.chainName(key))?.cancel()
        for name in followers.keys where name.hasPrefix(Self.targetName(key, "")) {
            followers.removeValue(forKey: name)?.cancel()
            targetsAsked[name] = nil
        }
    }

    private func followChain(of upstream: Upstream) {
        let name = PercentCoding.encodePath(upstream.name)
        let place = upstream.datacenter.map { "?compile-dc=" + PercentCoding.encodeQuery($0) } ?? ""
        follow(Self.chainName(upstream.key), "/v1/discovery-chain/\(name)\(place)", .index(from: 0)) {
            [weak self] answer in
            guard let self else { return }
            if case .refused(let status, let text) = answer {
                chainRefused(upstream, status, text)
                return
            }
            read(answer, "discovery chain of \(upstream.name)") { [self] response throws(DefinitionError) in
                take(try AgentAnswers.chain(response), of: upstream)
            }
        }
    }

    /// Agents before 1.6 know no chains (404), and a token may not reach them (403): the name is then the service's, as long
    /// as no chain was seen.
    private func chainRefused(_ upstream: Upstream, _ status: Int, _ text: String) {
        guard let state = upstreams[upstream.key], state.chain == nil, state.next == nil else { return }
        log.debug(
            "the agent gives no discovery chain, the upstream is its service alone", .text("upstream", upstream.name),
            .number("status", status), .text("answer", text))
        take(.plain(service: upstream.name, datacenter: upstream.datacenter ?? ""), of: upstream)
        publish()
    }

    private func take(_ chain: CompiledChain, of upstream: Upstream) {
        guard upstreams[upstream.key] != nil else { return }
        upstreams[upstream.key]?.take(chain)
        log.info(
            "chain received", .text("upstream", upstream.name),
            .text(
                "targets",
                chain.branches.map { "\(Double($0.weight) / 100)%:" + $0.targets.joined(separator: ",") }
                    .joined(separator: " ")))
        followTargets(of: upstream)
    }

    /// Follows the instances of each target that the chain in force or the next one has, and no others.
    private func followTargets(of upstream: Upstream) {
        guard let state = upstreams[upstream.key] else { return }
        let wanted = state.wantedTargets
        let prefix = Self.targetName(upstream.key, "")
        for name in followers.keys where name.hasPrefix(prefix) && wanted[String(name.dropFirst(prefix.count))] == nil {
            followers.removeValue(forKey: name)?.cancel()
            targetsAsked[name] = nil
        }
        for (id, target) in wanted {
            let name = Self.targetName(upstream.key, id)
            // The same id may have another filter now.
            let question = TargetQuestion(target: target, zoneKey: state.zoneKey(of: id))
            if followers[name] != nil, targetsAsked[name] == question { continue }
            targetsAsked[name] = question
            followInstances(of: question, id, for: upstream, as: name)
        }
    }

    private func followInstances(
        of question: TargetQuestion, _ id: String, for upstream: Upstream, as name: String
    ) {
        let target = question.target
        var items: [String] = []
        if !target.datacenter.isEmpty { items.append("dc=" + PercentCoding.encodeQuery(target.datacenter)) }
        if !target.subset.filter.isEmpty { items.append("filter=" + PercentCoding.encodeQuery(target.subset.filter)) }
        let query = items.isEmpty ? "" : "?" + items.joined(separator: "&")
        follow(name, "/v1/health/connect/\(PercentCoding.encodePath(target.service))\(query)", .index(from: 0)) {
            [weak self] answer in
            guard let self else { return }
            if case .refused = answer, upstreams[upstream.key]?.instances[id] == nil {
                // A target that cannot be asked for must not keep the others waiting: it has nobody to give.
                take(AgentAnswers.Instances(), id, of: upstream)
                publish()
            }
            read(answer, "instances of \(id)") { [self] response throws(DefinitionError) in
                guard let domain = roots?.trustDomain else { return }
                take(
                    try AgentAnswers.instances(
                        response, trustDomain: domain, onlyPassing: target.subset.onlyPassing,
                        zoneKey: question.zoneKey), id, of: upstream)
            }
        }
    }

    /// A prepared query decides itself where it leads; agents cannot block on it.
    private func followQuery(_ upstream: Upstream) {
        let chain = CompiledChain.plain(service: upstream.name, datacenter: upstream.datacenter ?? "")
        upstreams[upstream.key]?.take(chain)
        let id = chain.branches[0].resolver.target
        let name = PercentCoding.encodePath(upstream.name)
        let place = upstream.datacenter.map { "&dc=" + PercentCoding.encodeQuery($0) } ?? ""
        follow(
            Self.chainName(upstream.key), "/v1/query/\(name)/execute?connect=true\(place)", .poll(.seconds(5))
        ) { [weak self] answer in
            guard let self else { return }
            read(answer, "instances of \(upstream.name)") { [self] response throws(DefinitionError) in
                guard let domain = roots?.trustDomain, let state = upstreams[upstream.key] else { return }
                let key = state.zoneKey(of: id)
                take(
                    try AgentAnswers.queryResult(response, trustDomain: domain, zoneKey: key), id, of: upstream)
            }
        }
    }

    private func take(_ found: AgentAnswers.Instances, _ id: String, of upstream: Upstream) {
        guard upstreams[upstream.key] != nil else { return }
        upstreams[upstream.key]?.take(found.targets, of: id)
        for sentence in found.unusable {
            log.warn("an instance is left out", .text("upstream", upstream.name), .text("error", sentence))
        }
        log.info(
            "instances received", .text("upstream", upstream.name), .text("target", id),
            .text("instances", found.targets.map(\.name).joined(separator: " ")))
        // What the chain before had alone is not needed any more once the next is in force.
        if upstream.kind == .service { followTargets(of: upstream) }
    }
}
