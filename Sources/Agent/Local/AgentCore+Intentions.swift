import JSON
import Mesh

extension AgentCore {
    /// Asks the intentions, turning their errors into answers.
    func read<T>(_ ask: () throws(IntentionError) -> T) throws(Refusal) -> T {
        do throws(IntentionError) {
            return try ask()
        } catch {
            throw Refusal(error.status, error.description)
        }
    }

    /// Changes the intentions with the next index.
    func changeIntentions<T>(
        _ change: (inout IntentionTable, UInt64) throws(IntentionError) -> T
    ) throws(Refusal) -> T {
        let result = try read { () throws(IntentionError) in try change(&intentions, index + 1) }
        index += 1
        touchIntentions()
        return result
    }

    /// Has those asked again who wait for what just changed. A sidecar waits for the rules that name its service, so that a
    /// change of one of a hundred thousand costs those that it concerns.
    func touchIntentions() {
        touched.insert(.intentions)
        touched.formUnion(intentions.touched)
        intentions.touched = []
    }

    /// Keeps a rule for the next start, or forgets it.
    func persist(_ intention: Intention, isGone: Bool = false) {
        let key = intention.id.isEmpty ? "\(intention.sourceName) => \(intention.destinationName)" : intention.id
        emit(.persist(.intention(id: key, isGone ? nil : ConnectIntentions.shape(intention).bytes())))
    }

    /// Takes a kept rule back.
    func restoreIntention(_ id: String, _ bytes: [UInt8]) {
        guard let value = try? Value(parsing: bytes),
            let action = IntentionAction(rawValue: value["Action"]?.string ?? "")
        else {
            log(.error, "agent: a kept intention cannot be read and is left out: id=\(id)")
            return
        }
        func text(_ key: String) -> String { value[key]?.string ?? "" }
        func time(_ key: String) -> Timestamp { Timestamp(rfc3339: text(key)) ?? Timestamp(nanoseconds: 0) }
        func number(_ key: String) -> UInt64 { UInt64(clamping: value[key]?.integer ?? 0) }
        var meta: [String: String] = [:]
        for member in value["Meta"]?.object?.members ?? [] { meta[member.key] = member.value.string ?? "" }
        let intention = Intention(
            id: text("ID"), description: text("Description"), sourceNamespace: text("SourceNS"),
            sourceName: text("SourceName"), destinationNamespace: text("DestinationNS"),
            destinationName: text("DestinationName"), sourceType: text("SourceType"), action: action, meta: meta,
            createdAt: time("CreatedAt"), updatedAt: time("UpdatedAt"), createIndex: number("CreateIndex"),
            modifyIndex: number("ModifyIndex"))
        do throws(IntentionError) {
            try intentions.restore(intention)
            index = max(index, intention.modifyIndex)
        } catch {
            log(.error, "agent: a kept intention is left out: id=\(id) error=\"\(error)\"")
        }
    }
}
