import TLSProof

@testable import TLS

/// A leg whose records are protected by a kernel, which is played here: it gets keys as the real one does, and knows nothing else
/// of the session.
///
///     Leg.arrived -> [opener] -> data, or Session.takeFromKernel
///     Leg.outgoing <- [sealer] <- data, or Session.kernelDebt
final class SoftKernel {
    let leg: Leg
    private var opener = proof_kernel()
    private var sealer = proof_kernel()
    /// Bytes of data sealed, and bytes of all records, as a `RecordStanding` counts them.
    private(set) var sealed: UInt64 = 0
    private(set) var written: Int64 = 0
    /// What the session said to each record that was not data.
    private(set) var taken: [Session.KernelTaken] = []

    init(_ leg: Leg) { self.leg = leg }

    var sealedRecords: UInt64 { sealer.sequence }
    var openedRecords: UInt64 { opener.sequence }
    var isBalanced: Bool {
        leg.session.kernelExpects(data: sealed, sequence: sealer.sequence) == written
    }

    /// Takes a direction over, or its next keys. False when the session has none to give.
    func take(_ direction: Session.Direction) -> Bool {
        leg.session.giveToKernel(direction, written: written - Int64(sealed)) { keys in
            let bytes = keys.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return direction == .writing
                ? proof_kernel_take_keys(&sealer, bytes, keys.count) == 0
                : proof_kernel_take_keys(&opener, bytes, keys.count) == 0
        }
    }

    func seal(_ bytes: [UInt8], type: UInt8 = 23) {
        var record = [UInt8](repeating: 0, count: bytes.count + 22)
        let count = proof_kernel_seal(&sealer, type, bytes, bytes.count, &record)
        written += Int64(count)
        if type == 23 { sealed += UInt64(bytes.count) }
        leg.outgoing += record[..<count]
    }

    /// Opens every whole record that has arrived; `false` when one does not decrypt.
    func open() throws(TLSFault) -> Bool {
        while leg.arrived.count >= 5 {
            let length = 5 + (Int(leg.arrived[3]) << 8 | Int(leg.arrived[4]))
            guard leg.arrived.count >= length else { return true }
            let record = [UInt8](leg.arrived[..<length])
            leg.arrived.removeFirst(length)
            var plain = [UInt8](repeating: 0, count: length)
            var type: UInt8 = 0
            let count = proof_kernel_open(&opener, record, length, &type, &plain)
            guard count >= 0 else { return false }
            if type == 23 { leg.plain += plain[..<count] } else { try take(type, [UInt8](plain[..<count])) }
        }
        return true
    }

    /// A record that is not data goes to the session, and what that asks for is done.
    func take(_ type: UInt8, _ bytes: [UInt8]) throws(TLSFault) {
        let data = UInt64(leg.plain.count)
        let outcome = try leg.call(limit: 0) { session, _, sink throws(TLSFault) in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            defer { copy.deallocate() }
            copy.copyBytes(from: bytes)
            return try session.takeFromKernel(type: type, UnsafeRawBufferPointer(copy), data: data, output: &sink)
        }
        taken.append(outcome)
        if outcome == .needsKeys { _ = take(.reading) }
        if outcome == .closed { leg.closed = true }
        try pay()
    }

    /// Sends what the session owes.
    func pay() throws(TLSFault) {
        while let debt = leg.debt {
            seal(debt.bytes, type: debt.type)
            if try leg.session.paidByKernel(sequence: sealer.sequence) { _ = take(.writing) }
        }
    }

    /// Says close_notify.
    func close() throws(TLSFault) {
        try leg.close()
        try pay()
    }
}

// Passed on by name, because #expect cannot look into a value that is not copyable.
extension Leg {
    func fitness(_ direction: Session.Direction) -> Session.KernelFitness { session.kernelFitness(direction) }
    func isInKernel(_ direction: Session.Direction) -> Bool { session.isInKernel(direction) }
    var debt: (type: UInt8, bytes: [UInt8])? {
        session.kernelDebt.map { debt in (debt.type, debt.withBytes { [UInt8]($0) }) }
    }
    func offerToKernelThatRefuses(_ direction: Session.Direction) -> Bool {
        session.giveToKernel(direction) { _ in false }
    }
}
