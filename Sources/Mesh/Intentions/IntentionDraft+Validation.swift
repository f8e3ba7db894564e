extension IntentionDraft {
    /// The draft with its defaults filled in.
    func completed() -> IntentionDraft {
        var draft = self
        if draft.sourceNamespace.isEmpty { draft.sourceNamespace = "default" }
        if draft.destinationNamespace.isEmpty { draft.destinationNamespace = "default" }
        if draft.sourceType.isEmpty { draft.sourceType = "consul" }
        return draft
    }

    /// Checks a completed draft that is written by id, and says everything that is wrong with it.
    func validated() throws(IntentionError) -> IntentionAction {
        try checkNamespaces()
        var faults: [String] = []
        if sourceName.isEmpty { faults.append("SourceName must be set") }
        if destinationName.isEmpty { faults.append("DestinationName must be set") }
        if Self.isPartialWildcard(sourceName) { faults.append("SourceName: \(Self.partialWildcard)") }
        if Self.isPartialWildcard(destinationName) { faults.append("DestinationName: \(Self.partialWildcard)") }
        faults += opaqueFaults(meta: "Meta")
        let action = IntentionAction(rawValue: action)
        if action == nil { faults.append(Self.badAction) }
        if sourceType != "consul" { faults.append(Self.badType) }
        guard faults.isEmpty, let action else { throw .invalid(faults) }
        return action
    }

    /// Checks a completed draft that is written by its names, `place` being where the source will stand in the
    /// destination's list.
    func validated(place: Int) throws(IntentionError) -> IntentionAction {
        try checkNamespaces()
        func fault(_ sentence: String) -> IntentionError { .invalidSource("Sources[\(place)].\(sentence)") }
        if destinationName.isEmpty { throw .invalidSource("Name is required") }
        if Self.isPartialWildcard(destinationName) { throw .invalidSource("Name: \(Self.partialWildcard)") }
        if sourceName.isEmpty { throw fault("Name is required") }
        if Self.isPartialWildcard(sourceName) { throw fault("Name: \(Self.partialWildcard)") }
        if let first = opaqueFaults(meta: "LegacyMeta").first { throw fault(first) }
        if sourceType != "consul" { throw fault("Type must be set to 'consul'") }
        if permissionCount > 0 { throw .permissions(destination: destinationName) }
        guard let action = IntentionAction(rawValue: action) else { throw fault(Self.badAction) }
        return action
    }

    private static let partialWildcard = "wildcard character '*' cannot be used with partial values"
    private static let badAction = "Action must be set to 'allow' or 'deny'"
    private static let badType = "SourceType must be set to 'consul'"

    private static func isPartialWildcard(_ name: String) -> Bool {
        name != "*" && name.utf8.contains(UInt8(ascii: "*"))
    }

    private func checkNamespaces() throws(IntentionError) {
        if sourceNamespace != "default" { throw .namespace(field: "SourceNS", value: sourceNamespace) }
        if destinationNamespace != "default" { throw .namespace(field: "DestinationNS", value: destinationNamespace) }
    }

    /// What is wrong with the description and the pairs; lengths are bytes.
    private func opaqueFaults(meta word: String) -> [String] {
        var faults: [String] = []
        if description.utf8.count > 512 { faults.append("Description exceeds maximum length 512") }
        if meta.count > 64 { faults.append("\(word) exceeds maximum element count 64") }
        for (key, value) in meta.sorted(by: { $0.key < $1.key }) {
            if key.utf8.count > 128 { faults.append("\(word) key \(key.goQuoted) exceeds maximum length 128") }
            if value.utf8.count > 512 {
                faults.append("\(word) value for key \(key.goQuoted) exceeds maximum length 512")
            }
        }
        return faults
    }
}
