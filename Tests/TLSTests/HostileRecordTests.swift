import TLSProof
import Testing

@testable import TLS

/// A peer that holds the keys and breaks the rules: RFC 8446 sections 4.6, 5 and 6 from the wrong side.
@Suite struct HostileRecordTests {
    let mesh: Mesh

    init() throws { mesh = try Mesh() }

    /// One record of any type, sealed by `leg` for its peer.
    private func seal(_ leg: Leg, _ type: Int32, _ content: [UInt8], padding: Int = 0) {
        var record = [UInt8](repeating: 0, count: content.count + padding + 64)
        let count = proof_seal_any(leg.session.raw, type, content, content.count, padding, &record, record.count)
        leg.outgoing += record[0..<count]
    }

    /// Sends what `attack` makes from client to server (or back) and returns how the receiver fails; the alert it sends
    /// must be the one its peer then reads.
    private func fault(
        toClient: Bool = false, alert: String?, _ attack: (Leg) -> Void
    ) throws -> TLSFault.Reason? {
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        let (attacker, victim) = toClient ? (pair.server, pair.client) : (pair.client, pair.server)
        try attacker.seal([1, 2, 3])
        attack(attacker)
        carry(attacker, victim)
        var reason: TLSFault.Reason?
        do throws(TLSFault) { for _ in 0..<3 { try victim.open() } } catch { reason = error.reason }
        #expect(victim.plain == [1, 2, 3], "what came before is delivered")
        if reason != nil { #expect(throws: TLSFault.self) { try victim.seal([1]) } }
        carry(victim, attacker)
        var heard: String?
        do throws(TLSFault) { try attacker.open() } catch { heard = error.alert?.description }
        #expect(heard == alert)
        return reason
    }

    @Test func keyUpdates() throws {
        let bad = "unexpected_message"
        #expect(try fault(alert: "decode_error") { seal($0, 22, [24, 0, 0, 2, 0, 0]) } == .malformed)
        #expect(try fault(alert: "decode_error") { seal($0, 22, [24, 0, 0, 0]) } == .malformed)
        #expect(try fault(alert: "illegal_parameter") { seal($0, 22, [24, 0, 0, 1, 2]) } == .malformed)
        #expect(try fault(alert: bad) { seal($0, 22, [24, 0, 0, 1, 0, 24]) } == .unexpectedMessage)
        // The receiver has moved on to the next key, the sender has not.
        #expect(
            try fault(alert: "bad_record_mac") {
                seal($0, 22, [24, 0, 0, 1, 0]); seal($0, 23, [9])
            } == .badRecord)
        // In pieces it is still one message, and nothing may come between the pieces.
        #expect(
            try fault(alert: "bad_record_mac") { leg in
                for byte in [UInt8](arrayLiteral: 24, 0, 0, 1, 0) { seal(leg, 22, [byte]) }
                seal(leg, 23, [9])
            } == .badRecord)
        #expect(
            try fault(alert: bad) {
                seal($0, 22, [24, 0]); seal($0, 23, [9])
            } == .unexpectedMessage)
        #expect(
            try fault(alert: bad) {
                seal($0, 22, [24, 0]); seal($0, 21, [1, 0])
            } == .unexpectedMessage)
    }

    @Test func floods() throws {
        let bad = "unexpected_message"
        #expect(try fault(alert: bad) { leg in for _ in 0..<33 { seal(leg, 23, []) } } == .flood)
        #expect(try fault(alert: nil) { leg in for _ in 0..<32 { seal(leg, 23, [], padding: 3) } } == nil)
        #expect(
            try fault(toClient: true, alert: bad) { leg in
                for _ in 0..<33 { seal(leg, 22, [4, 0, 0, 1, 0]) }
            } == .flood)
        // Key updates that a peer performs honestly, but does nothing else.
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        #expect {
            for _ in 0..<40 {
                _ = pair.client.updateKeys(request: true)
                try pair.client.open()
                try pair.settle()
            }
        } throws: {
            ($0 as? TLSFault)?.reason == .flood
        }
    }

    @Test func messagesOutOfPlace() throws {
        let bad = "unexpected_message"
        #expect(try fault(alert: bad) { seal($0, 22, [4, 0, 0, 1, 0]) } == .unexpectedMessage, "a ticket for a server")
        #expect(try fault(toClient: true, alert: nil) { seal($0, 22, [4, 0, 0, 1, 0]) } == nil, "one for a client")
        #expect(try fault(toClient: true, alert: "decode_error") { seal($0, 22, [4, 9, 9, 9]) } == .malformed)
        #expect(try fault(toClient: true, alert: bad) { seal($0, 22, [13, 0, 0, 0]) } == .unexpectedMessage)
        #expect(try fault(toClient: true, alert: bad) { seal($0, 22, [0, 0, 0, 0]) } == .renegotiation)
        #expect(try fault(alert: bad) { seal($0, 22, [1, 0, 0, 0]) } == .renegotiation)
        #expect(try fault(alert: bad) { seal($0, 22, []) } == .unexpectedMessage)
        #expect(try fault(alert: bad) { seal($0, 20, [1]) } == .unexpectedMessage)
        #expect(try fault(alert: bad) { seal($0, 24, [1]) } == .unexpectedMessage)
        // Content [1] of type 0 is padding behind a record of type 1, which does not exist.
        #expect(try fault(alert: bad) { seal($0, 0, [1]) } == .unexpectedMessage)
    }

    @Test func records() throws {
        let bad = "unexpected_message"
        #expect(try fault(alert: bad) { seal($0, -1, [], padding: 20) } == .unexpectedMessage)
        #expect(try fault(alert: nil) { seal($0, 23, [], padding: 16384) } == nil)
        // RFC 8446, section 5.4: content, type and padding together are 2^14 + 1 bytes at the most.
        for (content, padding) in [(16385, 0), (16384, 1), (1, 16384), (0, 16600)] {
            #expect(
                try fault(alert: "record_overflow") { leg in
                    seal(leg, 23, [UInt8](repeating: 1, count: content), padding: padding)
                } == .badRecord, "\(content) bytes and \(padding) of padding")
        }
        for (header, alert, reason) in [
            ([UInt8](arrayLiteral: 23, 3, 3, 0x41, 0x01), "record_overflow", TLSFault.Reason.badRecord),
            ([23, 3, 3, 0, 16], "bad_record_mac", .badRecord), ([23, 3, 3, 0, 0], "bad_record_mac", .badRecord),
            ([21, 3, 3, 0, 2, 2, 40], bad, .unexpectedMessage), ([20, 3, 3, 0, 1, 1], bad, .unexpectedMessage),
            ([22, 3, 3, 0, 4, 0, 0, 0, 0], bad, .unexpectedMessage), (Array("GET /".utf8), bad, .unexpectedMessage),
        ] {
            #expect(try fault(alert: alert) { $0.outgoing += header } == reason)
        }
    }

    @Test func alerts() throws {
        #expect(try fault(alert: "decode_error") { seal($0, 21, [1, 0, 1, 0]) } == .malformed)
        #expect(try fault(alert: "decode_error") { seal($0, 21, [1]) } == .malformed)
        #expect(try fault(alert: "unexpected_message") { seal($0, 21, []) } == .unexpectedMessage)
        #expect(try fault(alert: nil) { seal($0, 21, [1, 90]) } == nil, "user_canceled")
        #expect(
            try fault(alert: nil) { seal($0, 21, [1, 49]) } == .peerAlert,
            "every other alert is fatal, whatever its level")
        #expect(try fault(alert: nil) { seal($0, 21, [2, 0]) } == nil, "close_notify, whatever its level")
    }

    @Test func recordNumbersDoNotWrap() throws {
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        proof_set_sequence(pair.client.session.raw, 1, .max)
        // The limit of a key was passed long before: it is replaced, and the number starts anew.
        #expect(throws: TLSFault.self) { try pair.client.seal([1]) }
        let other = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        other.shake()
        try other.client.seal([1])
        carry(other.client, other.server)
        proof_set_sequence(other.server.session.raw, 0, .max)
        #expect { try other.server.open() } throws: { ($0 as? TLSFault)?.reason == .sequenceOverflow }
    }

    @Test func aDeadSessionSaysTheSameThingAgain() throws {
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        pair.server.arrived = [99, 0, 0, 0, 0]
        for _ in 0..<3 {
            #expect { try pair.server.open() } throws: { ($0 as? TLSFault)?.reason == .unexpectedMessage }
            #expect { try pair.server.close() } throws: { ($0 as? TLSFault)?.reason == .unexpectedMessage }
        }
    }
}
