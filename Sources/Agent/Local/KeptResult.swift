import JSON
import Mesh

/// What a check that needs the outside last came to, kept so that an agent's restart does not make everything critical
/// until each check had its turn: callers would lose every instance meanwhile.
struct KeptResult: Hashable {
    var status: CheckStatus
    var output: String
    /// Of the definition that was checked; another definition starts anew.
    var definition: String

    /// As it is kept.
    var bytes: [UInt8] {
        (["Status": .string(status.rawValue), "Output": .string(output), "Definition": .string(definition)] as Value)
            .bytes()
    }
}

extension KeptResult {
    /// Reads what was kept; nothing of a TTL check's state, which has a form of its own.
    init?(_ value: Value) {
        guard let status = value["Status"]?.string.flatMap(CheckStatus.init(rawValue:)),
            let definition = value["Definition"]?.string
        else { return nil }
        self.init(status: status, output: value["Output"]?.string ?? "", definition: definition)
    }
}

extension AgentCore {
    /// Keeps a check's new status for the next process, if it needs the outside and there will be a next process.
    func keepResult(of id: String) {
        guard !configuration.dataDirectory.isEmpty, let check = local.checks[id], check.type.needsOutside else {
            return
        }
        let result = KeptResult(
            status: check.status, output: check.output, definition: contentHash(check.definition.json))
        emit(.persist(.checkState(id: id, result.bytes)))
    }

    /// Takes back what an earlier process saw of this check. Whether there was something.
    func takeKeptResult(of id: String, into check: inout LocalCheck) -> Bool {
        guard let kept = keptResults.removeValue(forKey: id), kept.definition == contentHash(check.definition.json)
        else { return false }
        check.status = kept.status
        check.output = kept.output
        return true
    }
}

extension CheckType {
    /// Whether the shell runs it.
    var needsOutside: Bool {
        switch self {
        case .tcp, .http, .monitor: true
        case .ttl, .alias, .grpc, .docker, .maintenance: false
        }
    }
}
