import Kernel

/// The ports given to sidecars, claimed from the moment they are chosen: between that and the sidecar's listening lies
/// its whole start, in which another agent would choose the same.
final class PortClaims {
    private final class Claim {
        let socket: Descriptor
        init(_ socket: consuming Descriptor) { self.socket = socket }
    }

    private var claims: [Int: Claim] = [:]

    /// Claims a port as long as this process lives. False when somebody else has it.
    func take(_ port: Int) -> Bool {
        if claims[port] != nil { return true }
        guard let number = UInt16(exactly: port), number > 0 else { return false }
        do throws(Errno) {
            claims[port] = Claim(try Socket.claim(port: number))
            return true
        } catch {
            return false
        }
    }
}

@available(*, unavailable)
extension PortClaims: Sendable {}
