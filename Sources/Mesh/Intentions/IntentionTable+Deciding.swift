extension IntentionTable {
    /// Decides about a connection from `source` to `destination`. At most four look-ups, however many rules there are.
    ///
    /// Rules are written for the default namespace, so a source of another one meets none of them.
    public func decide(
        source: IntentionName, destination: String, fallback: IntentionDefault
    ) -> IntentionVerdict {
        guard source.namespace == "default" else { return IntentionVerdict(fallback) }
        // In order of precedence: 9, 8, 6, 5.
        return verdict(source.name, destination) ?? verdict("*", destination) ?? verdict(source.name, "*")
            ?? verdict("*", "*") ?? IntentionVerdict(fallback)
    }

    private func verdict(_ source: String, _ destination: String) -> IntentionVerdict? {
        guard let place = byPair[Pair(source: source, destination: destination)],
            let action = rows[place]?.action
        else { return nil }
        return IntentionVerdict(action, place: place)
    }

    /// Decides for `intentions/check`, whose caller may name a kind of source.
    ///
    /// - Throws: `sourceType` for any kind but "consul" and the empty one.
    public func check(
        source: IntentionName, destination: IntentionName, sourceType: String, fallback: IntentionDefault
    ) throws(IntentionError) -> IntentionVerdict {
        guard sourceType.isEmpty || sourceType == "consul" else { throw .sourceType(sourceType) }
        guard destination.namespace == "default" else { return IntentionVerdict(fallback) }
        return decide(source: source, destination: destination.name, fallback: fallback)
    }

    /// The rule behind a verdict of this table, `nil` for the default. Asked before the table changes again.
    public func rule(of verdict: IntentionVerdict) -> Intention? {
        verdict.isDefault ? nil : rows[Int(verdict.place)]
    }

    /// Consul 1.9's reason for a verdict of this table: "Matched L4 intention: …" or the default's.
    public func reason(for verdict: IntentionVerdict, fallback: IntentionDefault) -> String {
        rule(of: verdict).map { "Matched L4 intention: \($0.summary)" } ?? fallback.reason
    }
}
