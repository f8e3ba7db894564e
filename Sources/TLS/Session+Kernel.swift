import CWarren

/// A session whose records the kernel protects, in one direction or both. Keys go to the kernel at a record's boundary; what is
/// not data comes back from it, and what is to be said beside data is owed until the kernel has sent it.
extension Session {
    /// A direction of a session.
    public enum Direction: Int32, Sendable {
        /// What we send (the kernel's TLS_TX).
        case writing = 1
        /// What the peer sends (the kernel's TLS_RX).
        case reading = 2
    }

    /// Whether a direction can be given to the kernel.
    public enum KernelFitness: Int32, Sendable {
        /// Never: the policy, the protocol, the cipher or the session's state is against it.
        case never = -1
        /// Something of it is still in here; ask again.
        case later = 0
        /// As it stands, provided that nothing sealed waits for the socket and nothing read waits to be opened.
        case now = 1
    }

    /// What a record that the kernel opened, and that is not data, came to.
    public enum KernelTaken: Int32, Sendable {
        /// Nothing more is to be done.
        case goesOn = 0
        /// The peer said close_notify.
        case closed = 2
        /// The kernel needs new reading keys before it opens another record.
        case needsKeys = 4
        /// The message goes on in the next record, which has to be taken as well, whatever it is.
        case isInside = 5
    }

    /// A record that the kernel has to send.
    public struct KernelDebt {
        /// Its content type.
        public let type: UInt8
        /// Its bytes are the first `count` of these, the first in the lowest.
        let packed: UInt64
        let count: Int

        /// The record's bytes, during the call.
        public func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
            withUnsafeBytes(of: packed.littleEndian) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    /// Whether a direction can be given to the kernel.
    public func kernelFitness(_ direction: Direction) -> KernelFitness {
        KernelFitness(rawValue: warren_tls_kernel_fits(raw, direction.rawValue)) ?? .never
    }

    /// Whether the kernel protects a direction.
    public func isInKernel(_ direction: Direction) -> Bool {
        warren_tls_kernel_has(raw) & direction.rawValue != 0
    }

    /// Offers the kernel the keys of a direction as it stands, in its own structure, which is wiped after the call. True when the
    /// body says that it has taken them: then nothing of the direction is opened or sealed in here any more. `written`: what a
    /// `RecordStanding` says was written, less the bytes of data among it that `kernelExpects` will be asked with.
    public mutating func giveToKernel(
        _ direction: Direction, written: Int64 = 0, _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        let isTaken = withUnsafeTemporaryAllocation(byteCount: Int(WARREN_TLS_KERNEL_KEYS), alignment: 8) { room in
            defer { warren_tls_wipe(room.baseAddress, room.count) }
            let count = warren_tls_kernel_keys(
                raw, direction.rawValue, room.baseAddress?.assumingMemoryBound(to: UInt8.self))
            return count > 0 && body(UnsafeRawBufferPointer(rebasing: room[..<count]))
        }
        if isTaken { warren_tls_kernel_entered(raw, direction.rawValue, written) }
        return isTaken
    }

    /// Takes a record that is not data. `data` is any number that grows when data has passed. Throws what `open` would throw;
    /// the alert for it is in the sink, or owed.
    public mutating func takeFromKernel(
        type: UInt8, _ bytes: UnsafeRawBufferPointer, data: UInt64, output: inout CipherSink
    ) throws(TLSFault) -> KernelTaken {
        let outcome = warren_tls_kernel_take(
            raw, type, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, data, &output.raw)
        guard let taken = KernelTaken(rawValue: outcome) else { throw TLSFault(warren_tls_session_fault(raw).pointee) }
        return taken
    }

    /// Ends the session because the kernel could not open a record (`badRecord`) or did not take new keys (`kernelKeys`). The
    /// alert for the peer is in the sink, or owed.
    public mutating func failInKernel(_ reason: TLSFault.Reason, detail: String, output: inout CipherSink) {
        warren_tls_kernel_failed(raw, reason.rawValue, detail, &output.raw)
    }

    /// The record that the kernel has to send next, before any more data.
    public var kernelDebt: KernelDebt? {
        var type: UInt8 = 0
        var packed: UInt64 = 0
        let count = withUnsafeMutableBytes(of: &packed) {
            warren_tls_kernel_owed(raw, &type, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        return count == 0 ? nil : KernelDebt(type: type, packed: UInt64(littleEndian: packed), count: count)
    }

    /// The kernel has sent that record, and its next one has number `sequence`. True: it needs new writing keys before it sends
    /// anything else.
    public mutating func paidByKernel(sequence: UInt64) throws(TLSFault) -> Bool {
        let outcome = warren_tls_kernel_paid(raw, sequence)
        guard outcome >= 0 else { throw TLSFault(warren_tls_session_fault(raw).pointee) }
        return outcome == 1
    }

    /// The kernel's next record has this number; when that is near the limit for a key, a KeyUpdate is owed.
    public mutating func kernelCounts(sequence: UInt64) { warren_tls_kernel_counted(raw, sequence) }

    /// What a `RecordStanding` says was written, once every record is there: with so many bytes of data, and the next record of
    /// this number.
    public func kernelExpects(data: UInt64, sequence: UInt64) -> Int64 {
        warren_tls_kernel_expected(raw, data, sequence)
    }

    /// How many bytes are still to come until the record in which `bytes` end is whole, or its header is: 0 at a boundary.
    public static func missing(behind bytes: UnsafeRawBufferPointer) -> Int {
        var at = 0
        while bytes.count - at >= 5 { at += 5 + (Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])) }
        return at >= bytes.count ? at - bytes.count : 5 - (bytes.count - at)
    }
}
