import Kernel
import Mesh

/// Targets that accept and say nothing.
extension ClusterState {
    /// What picks came across; in `slot` is the target that one under way has chosen, if any.
    func takeNews(chosen slot: Int?) -> InstancePicker.SilenceNews? {
        guard picker.hasNews else { return nil }
        return picker.takeNews(chosen: slot.map { targets.states[$0].target.key })
    }

    /// A client has spoken to the target in `slot`, which has not answered yet: for the first time, or again.
    func noteWord(_ slot: Int, isFirst: Bool, now: Instant) {
        picker.noteWord(targets.states[slot].target.key, isFirst: isFirst, now: now)
    }

    /// The first answer of the target in `slot` on a connection, so long after its client's last word; `nil` if it spoke first.
    func reportAnswer(
        _ slot: Int, after time: Nanoseconds?, now: Instant, random: inout SplitMix64
    ) -> InstancePicker.Verdict {
        picker.reportAnswer(targets.states[slot].target.key, after: time, now: now, random: &random)
    }

    /// Whether others are to be preferred to the target in `slot`, since it says nothing.
    func isQuiet(_ slot: Int, now: Instant) -> Bool {
        picker.isQuiet(targets.states[slot].target.key, now: now)
    }

    /// Counts an empty connection to the target `key`; its slot, or `nil` if it has left.
    func beginInquiry(_ key: UInt64) -> Int? {
        guard let place = picker.beginInquiry(key) else { return nil }
        return countIn(place)
    }

    /// The empty connection to the target in `slot` is over. True if another is to follow.
    func endInquiry(_ slot: Int, isTold: Bool, now: Instant) -> Bool {
        picker.endInquiry(targets.states[slot].target.key, isTold: isTold, now: now)
    }

    /// The target `key` is to be asked by a further empty connection.
    func renewInquiry(_ key: UInt64, now: Instant) {
        picker.renewInquiry(key, now: now)
    }

    /// No empty connection to the target `key` could be made, which was to be its probe or was to break its silence.
    func dropInquiry(_ key: UInt64, isProbe: Bool, now: Instant) {
        if isProbe {
            picker.giveProbeUp(key)
        } else {
            _ = picker.endInquiry(key, isTold: false, now: now)
        }
    }
}
