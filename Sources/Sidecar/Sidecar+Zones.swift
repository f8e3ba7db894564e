import Kernel
import Log
import Mesh

/// What a follower of a target's instances asks for, and where it looks for their zones.
struct TargetQuestion: Equatable {
    var target: CompiledChain.Target
    var zoneKey: String
}

/// Where we are, for upstreams that prefer their own zone.
extension Sidecar {
    /// What our service's meta says, and where it says nothing, our node's.
    var ownMeta: [String: String] {
        (definition?.meta ?? [:]).filter { !$0.value.isEmpty }
            .merging((nodeMeta ?? [:]).filter { !$0.value.isEmpty }) { own, _ in own }
    }

    /// Asks for our node's meta if an upstream wants to know a zone that our service's does not say. An agent tells it by its
    /// own description, on which nobody can block; a node hardly ever moves.
    func findOwnZone() {
        let meta = ownMeta
        let missing = Set(upstreams.values.flatMap(\.wantedZoneKeys)).filter { meta[$0] == nil }
        guard !missing.isEmpty else {
            unknownZones = []
            return
        }
        guard followers["node"] != nil else {
            follow("node", "/v1/agent/self", .poll(.seconds(60))) { [weak self] answer in self?.nodeAnswered(answer) }
            return
        }
        guard nodeMeta != nil else { return }
        for key in missing.subtracting(unknownZones).sorted() {
            log.warn(
                "no zone is preferred, since nobody says where this sidecar is: put it into the service's meta, the "
                    + "agent's node_meta, or zone_aware_lb_config.zone of the upstream", .text("meta_key", key))
        }
        unknownZones = missing
    }

    private func nodeAnswered(_ answer: Follower.Answer) {
        if case .refused(403, let text) = answer {
            if nodeMeta == nil {
                log.warn(
                    "the token cannot read the agent's node, so its meta names no zone: give it agent:read, or put the "
                        + "zone into the service's meta", .text("answer", text))
            }
            nodeMeta = nodeMeta ?? [:]
            publish()
            return
        }
        read(answer, "description of its node") { response throws(DefinitionError) in
            nodeMeta = try AgentAnswers.nodeMeta(response)
        }
    }
}
