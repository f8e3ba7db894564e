import Kernel
import TLS

/// What the kernel does of a leg's TLS.
struct KernelShare: OptionSet {
    let rawValue: UInt8

    /// It seals what we send.
    static let seals = KernelShare(rawValue: 1)
    /// It opens what the peer sends.
    static let opens = KernelShare(rawValue: 2)
    /// The socket can be given keys.
    static let attached = KernelShare(rawValue: 4)
    /// The session owes a record that the kernel could not send yet.
    static let owes = KernelShare(rawValue: 8)
    /// The last record ended inside a handshake message: the next one must not be data, so it has to be read, not spliced.
    static let insideMessage = KernelShare(rawValue: 16)
}

extension Leg {
    /// Whether this process seals what is sent on the leg.
    var isSealedHere: Bool { session != nil && !kernel.contains(.seals) }

    /// Whether this process opens what comes on the leg.
    var isOpenedHere: Bool { session != nil && !kernel.contains(.opens) }

    /// Whether the kernel protects records of this leg, in either direction.
    public var isInKernel: Bool { !kernel.isDisjoint(with: [.seals, .opens]) }

    /// Gives a direction to the kernel; its session must be fit for that. `data`: bytes of data handed to this leg so far. False
    /// leaves everything as it was.
    mutating func giveToKernel<IO: StreamIO & ~Copyable>(
        _ direction: Session.Direction, data: UInt64, _ io: inout IO
    ) -> Bool {
        if !kernel.contains(.attached) {
            guard io.attachTLS(descriptor) else { return false }
            kernel.insert(.attached)
        }
        var written: Int64 = 0
        if direction == .writing {
            guard let standing = io.standing(descriptor) else { return false }
            written = standing.written - Int64(data)
        }
        guard installKeys(direction, written: written, &io) else { return false }
        kernel.insert(direction == .writing ? .seals : .opens)
        return true
    }

    /// Gives the kernel the keys of a direction as it stands.
    mutating func installKeys<IO: StreamIO & ~Copyable>(
        _ direction: Session.Direction, written: Int64 = 0, _ io: inout IO
    ) -> Bool {
        let descriptor = descriptor
        return session?.giveToKernel(direction, written: written) { io.install($0, direction, on: descriptor) } ?? false
    }

    /// Has the kernel send what the session owes, where it is the kernel's to send. What it does not take is still owed
    /// (`KernelShare.owes`), and the next edge brings us back.
    mutating func payInKernel<IO: StreamIO & ~Copyable>(_ io: inout IO) -> Half.Cause? {
        guard kernel.contains(.seals) else { return nil }
        while let debt = session?.kernelDebt {
            let (descriptor, type) = (descriptor, debt.type)
            switch debt.withBytes({ io.sendRecord(descriptor, type: type, $0) }) {
            case .bytes: break
            case .wouldBlock, .ended:
                kernel.insert(.owes)
                isWritable = false
                return nil
            case .failed(let error):
                kernel.remove(.owes)
                return .socket(error)
            }
            guard let standing = io.standing(descriptor) else { return .tls(.kernelKeys) }
            do throws(TLSFault) {
                if try session!.paidByKernel(sequence: standing.sequence), !installKeys(.writing, &io) {
                    return .tls(.kernelKeys)
                }
            } catch {
                return .tls(error.reason)
            }
        }
        kernel.remove(.owes)
        return nil
    }

    /// Whether the kernel still holds sealed records that TCP had no room for, which neither shutdown(2) nor close(2) waits for:
    /// `nil` when it holds none, else whether TCP has room now. `data`: bytes of data handed to this leg so far.
    func kernelHoldsRecords<IO: StreamIO & ~Copyable>(data: UInt64, _ io: inout IO) -> Bool? {
        guard kernel.contains(.seals), let standing = io.standing(descriptor),
            let expected = session?.kernelExpects(data: data, sequence: standing.sequence), expected > standing.written
        else { return nil }
        return standing.hasRoom
    }
}
