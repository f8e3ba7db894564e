import Kernel

/// A second target that a connection is being connected to while its first has not answered.
struct Hedge: ~Copyable {
    let socket: Descriptor
    /// Index in the route's clusters.
    let cluster: UInt16
    /// Slot in the cluster's target table.
    let target: Int32
    let isProbe: Bool
    let isUnix: Bool
    let startedAt: Instant

    /// Gives the socket to the caller, who closes it.
    consuming func release() -> Int32 { socket.release() }
}
