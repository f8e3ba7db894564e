import JSON
import Mesh

/// What checks come to, and who hears of it.
extension AgentCore {
    // MARK: Results

    /// The result of one run of a check that `startCheck` began.
    package func checkResult(id: String, generation: UInt64, status: CheckStatus, output: String, now: Now) {
        guard var check = local.checks[id], check.generation == generation else { return }
        // Of a new place that nobody is shown yet: the old one, which is shown, has not failed.
        if status == .critical, check.type == .tcp, local.moving.contains(check.definition.serviceID) { return }
        // Thresholds: so many good runs in a row before passing, so many bad ones before critical.
        if status == .critical {
            check.failures += 1
            check.successes = 0
        } else {
            check.successes += 1
            check.failures = 0
        }
        local.checks[id] = check
        let isBelow =
            status == .critical
            ? check.failures < check.definition.failuresBeforeCritical
            : check.successes < check.definition.successBeforePassing
        if isBelow && check.status != status { return }
        setStatus(id, status, output, now: now)
    }

    /// A TTL check's own program reports. Returns whether there is such a check.
    func refreshTTL(_ id: String, _ status: CheckStatus, _ output: String, now: Now) -> Bool {
        guard let check = local.checks[id], check.type == .ttl else { return false }
        takeTTL(id, status, output, now: now)
        if check.source == .api || !configuration.dataDirectory.isEmpty {
            let state: Value = [
                "CheckID": .string(id), "Status": .string(status.rawValue), "Output": .string(output),
                "Expires": .integer(now.advanced(by: check.definition.ttl).wall / 1_000_000_000),
            ]
            emit(.persist(.checkState(id: id, state.bytes())))
        }
        return true
    }

    /// Gives a TTL check its status, for the time its definition says.
    func takeTTL(_ id: String, _ status: CheckStatus, _ output: String, now: Now) {
        guard let definition = local.checks[id]?.definition else { return }
        let limit = definition.outputMaxSize > 0 ? definition.outputMaxSize : configuration.checkOutputMaxSize
        deadlines.set(.ttl(id), at: now.advanced(by: definition.ttl).ticks)
        setStatus(id, status, Self.captured(output, limit: limit), now: now)
    }

    /// Output cut as Consul cuts it.
    static func captured(_ output: String, limit: Int) -> String {
        guard output.utf8.count > limit else { return output }
        let bytes = Array(output.utf8.prefix(limit))
        // A cut inside a character shows as U+FFFD.
        return String(decoding: bytes, as: UTF8.self) + " ... (captured \(limit) of \(output.utf8.count) bytes)"
    }

    func expireTTL(_ id: String, now: Now) {
        guard let check = local.checks[id], check.type == .ttl else { return }
        log(.warn, "agent: Check missed TTL, is now critical: check=\(id)")
        let output =
            check.output.isEmpty
            ? "TTL expired" : "TTL expired (last output before timeout follows): \(check.output)"
        setStatus(id, .critical, output, now: now)
    }

    /// Gives a check a status. A new status is published at once; new output alone only after a while, so that chatty
    /// checks keep no watcher awake.
    func setStatus(_ id: String, _ status: CheckStatus, _ output: String, now: Now) {
        guard let old = local.checks[id] else { return }
        let output = configuration.discardsCheckOutput ? "" : output
        guard old.status != status || old.output != output else { return }
        local.checks[id]?.status = status
        local.checks[id]?.output = output
        noteCritical(id, now: now)
        if old.status == status, configuration.checkUpdateInterval > .zero {
            if deadlines.moment(of: .output(id)) == nil {
                let interval = configuration.checkUpdateInterval
                let wait = interval / 2 + chance.jitter(below: interval)
                deadlines.set(.output(id), at: now.advanced(by: wait).ticks)
            }
            return
        }
        deadlines.forget(.output(id))
        if old.status != status { keepResult(of: id) }
        publishCheck(id)
        refreshAliases(of: old.definition.serviceID, now: now)
    }

    /// Shows a check's current state in the catalog.
    func publishCheck(_ id: String) {
        guard let check = local.checks[id] else { return }
        var record = CheckRecord(
            node: configuration.nodeName, id: id, name: check.definition.name, status: check.status)
        record.notes = check.notes
        record.output = check.output
        record.serviceID = check.definition.serviceID
        record.type = check.type.rawValue
        commit { catalog, index in catalog.put(record, index: index) }
    }
}
