import CWarren

/// The one owner of a file descriptor: it closes when the owner goes (close(2)).
///
/// Handing a descriptor over is `consuming`; whoever needs only the number for a call borrows `raw`.
@frozen
public struct Descriptor: ~Copyable {
    /// The number, valid while this owner lives.
    public let raw: Int32

    /// Takes ownership of `raw`, which nobody else may close.
    @inlinable
    public init(owning raw: Int32) {
        self.raw = raw
    }

    @inlinable
    deinit {
        // EBADF would mean that somebody else closed our number: a bug that can hit another connection's descriptor.
        let result = warren_close(raw)
        precondition(result != -EBADF, "descriptor closed twice")
    }

    /// Gives the number up without closing it.
    @inlinable
    public consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }
}

/// EBADF, spelled here because the C macro's Swift name lives in Glibc, which this file does not need otherwise.
@usableFromInline let EBADF: Int32 = 9
