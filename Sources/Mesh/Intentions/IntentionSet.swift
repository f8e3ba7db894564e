/// The intentions of one destination, frozen for the data loops: one hash probe decides, and asking neither locks nor
/// allocates nor counts references.
///
/// Built on the control loop from the rules of `IntentionTable.match(.destination, …)` or of an agent's answer to
/// `intentions/match`, published inside a snapshot.
public struct IntentionSet: Sendable {
    /// The service that is called.
    public let destination: String
    /// The one trust domain whose identities can be allowed, small letters.
    public let trustDomain: String
    /// What holds when no rule matches.
    public let fallback: IntentionDefault

    /// Open addressing over a power of two at most half full: the place of a rule plus one, or zero.
    private let slots: ContiguousArray<UInt32>
    private let entries: ContiguousArray<Entry>
    /// The sources' names end to end.
    private let names: ContiguousArray<UInt8>
    /// The rule for sources without one of their own, or -1.
    private let anySource: Int
    /// The rules, for words only; places are those in `entries`, and `anySource` stands last.
    private let labels: ContiguousArray<Label>

    private struct Entry: Sendable {
        var start: UInt32
        var count: UInt32
        var isAllowed: Bool
    }

    private struct Label: Sendable {
        var name: String
        var summary: String
        var isAllowed: Bool
    }

    /// Freezes those of `rules` that concern `destination`; others are ignored. The rules may stand in any order; of two
    /// with the same names the first counts.
    public init(destination: String, rules: [Intention], trustDomain: String, fallback: IntentionDefault) {
        self.destination = destination
        self.trustDomain = trustDomain.asciiLowercased()
        self.fallback = fallback
        let relevant = rules.filter {
            $0.sourceNamespace == "default" && $0.destinationNamespace == "default"
                && ($0.destinationName == "*" || $0.destinationName.hasSameBytes(as: destination))
        }
        // Where "* => destination" exists, no rule of "source => *" can win.
        let hidesWildcardDestinations = relevant.contains { $0.precedence == 8 }
        var best: [ExactText: Intention] = [:]
        var any: Intention?
        for rule in relevant {
            if rule.sourceName == "*" {
                if any.map({ rule.precedence > $0.precedence }) ?? true { any = rule }
            } else if rule.precedence == 9 || !hidesWildcardDestinations {
                let key = ExactText(rule.sourceName)
                if best[key].map({ rule.precedence > $0.precedence }) ?? true { best[key] = rule }
            }
        }
        var slotCount = 2
        while slotCount < 2 * best.count { slotCount *= 2 }
        var slots = ContiguousArray<UInt32>(repeating: 0, count: slotCount)
        var entries: ContiguousArray<Entry> = []
        var names: ContiguousArray<UInt8> = []
        var labels: ContiguousArray<Label> = []
        for (source, rule) in best {
            var slot = Int(truncatingIfNeeded: Self.hash(source.text.utf8.span)) & (slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = UInt32(entries.count + 1)
            entries.append(
                Entry(
                    start: UInt32(names.count), count: UInt32(source.text.utf8.count), isAllowed: rule.action == .allow)
            )
            names.append(contentsOf: source.text.utf8)
            labels.append(Label(name: rule.label, summary: rule.summary, isAllowed: rule.action == .allow))
        }
        if let any {
            anySource = labels.count
            labels.append(Label(name: any.label, summary: any.summary, isAllowed: any.action == .allow))
        } else {
            anySource = -1
        }
        self.slots = slots
        self.entries = entries
        self.names = names
        self.labels = labels
    }

    /// How many rules can decide here.
    public var count: Int { labels.count }
}

extension IntentionSet {
    /// Decides about a connection from `client`; `nil` if its trust domain is not ours, which is a refusal too.
    public func decide(_ client: borrowing ServiceIdentity) -> IntentionVerdict? {
        guard client.trustDomain.hasSameLetters(as: trustDomain) else { return nil }
        return decide(namespace: client.namespace.utf8.span, service: client.service.utf8.span)
    }

    /// Decides about a source of the trust domain by the bytes of its names.
    public func decide(namespace: Span<UInt8>, service: Span<UInt8>) -> IntentionVerdict {
        guard Self.isDefault(namespace) else { return IntentionVerdict(fallback) }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: Self.hash(service)) & mask
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            let entry = entries[place]
            if Int(entry.count) == service.count, matches(Int(entry.start), service) {
                return IntentionVerdict(entry.isAllowed ? .allow : .deny, place: place)
            }
            slot = (slot + 1) & mask
        }
        guard anySource >= 0 else { return IntentionVerdict(fallback) }
        return IntentionVerdict(labels[anySource].isAllowed ? .allow : .deny, place: anySource)
    }

    /// What counters and logs call the deciding rule: its id or names, `nil` for the default.
    public func rule(of verdict: IntentionVerdict) -> String? {
        verdict.isDefault ? nil : labels[Int(verdict.place)].name
    }

    /// Consul 1.9's reason for a verdict of this set.
    public func reason(for verdict: IntentionVerdict) -> String {
        verdict.isDefault ? fallback.reason : "Matched L4 intention: \(labels[Int(verdict.place)].summary)"
    }

    private func matches(_ start: Int, _ name: Span<UInt8>) -> Bool {
        for offset in 0..<name.count where names[start + offset] != name[offset] { return false }
        return true
    }

    private static func isDefault(_ namespace: Span<UInt8>) -> Bool {
        let word: StaticString = "default"
        guard namespace.count == word.utf8CodeUnitCount else { return false }
        for place in 0..<namespace.count where namespace[place] != word.utf8Start[place] { return false }
        return true
    }

    /// FNV-1a with a final mix. Unseeded: the names in the table are the operator's, and a hostile client can choose only
    /// which one chain of them it is compared with.
    private static func hash(_ name: Span<UInt8>) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for place in 0..<name.count {
            value = (value ^ UInt64(name[place])) &* 0x0000_0100_0000_01b3
        }
        return value ^ value >> 32
    }
}
