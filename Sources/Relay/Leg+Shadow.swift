import Kernel

/// A leg that only gets copies: a shadow's.
extension Leg {
    /// Sends a copy of `bytes`; what the socket does not take waits. False when more than `limit` would wait or the socket
    /// has failed: what follows would not be a copy any more.
    public mutating func offer(
        _ bytes: UnsafeRawBufferPointer, atMost limit: Int, _ resources: inout RelayResources
    ) -> Bool {
        var io = KernelIO()
        if flush(&resources, &io) != nil || send(bytes, &resources, &io) != nil { return false }
        return unsent.count <= limit
    }

    /// Sends what waits. False when the socket has failed.
    public mutating func deliver(_ resources: inout RelayResources) -> Bool {
        var io = KernelIO()
        return flush(&resources, &io) == nil
    }
}
