extension DNSResponder {
    /// Makes an answer fit into a datagram: without EDNS at most a few records and 512 bytes (RFC 1035, section 4.2.1),
    /// with EDNS what the asker takes (RFC 6891, section 6.2.3) and we want to send.
    func trimDatagram(_ reply: inout DNSMessage, _ query: DNSMessage) {
        let wanted = max(512, Int(query.edns?.size ?? 512))
        if wanted == 512 {
            let limit = min(8, max(1, settings.udpAnswerLimit))
            if reply.answers.count > limit { cut(&reply, to: limit) }
        }
        trim(&reply, to: min(wanted, max(512, settings.udpSizeLimit)))
    }

    /// Makes an answer no longer than `size` bytes by leaving out as few of the last answers as need be.
    func trim(_ reply: inout DNSMessage, to size: Int) {
        if reply.answers.count > 4_096 { cut(&reply, to: 4_096) }
        guard reply.bytes.count > size else { return }
        let whole = reply
        // By halving: the length grows with the number of answers.
        var fits = 0
        var tooMany = whole.answers.count
        while tooMany - fits > 1 {
            let middle = (fits + tooMany) / 2
            var candidate = whole
            cut(&candidate, to: middle)
            if candidate.bytes.count <= size { fits = middle } else { tooMany = middle }
        }
        cut(&reply, to: fits)
        // "There is none" would be a lie.
        if fits == 0, !whole.answers.isEmpty { reply.isTruncated = true }
        // Only what is beside the answers is left to leave out.
        if reply.bytes.count > size { reply.additionals = [] }
        if reply.bytes.count > size {
            reply.authorities = []
            reply.isTruncated = true
        }
    }

    /// Keeps the first `count` answers and what is beside them.
    private func cut(_ reply: inout DNSMessage, to count: Int) {
        guard count < reply.answers.count else { return }
        reply.answers.removeLast(reply.answers.count - count)
        reply.isTruncated = settings.saysTruncated
        guard reply.questions.first?.type == .srv else { return }
        let targets = Set(
            reply.answers.compactMap { record in
                if case .srv(_, _, _, let target) = record.data { target } else { nil }
            })
        reply.additionals.removeAll { !targets.contains($0.name) }
    }
}
