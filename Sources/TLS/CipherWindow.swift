import CWarren

/// Ciphertext that has arrived and waits to be opened.
///
/// A session's calls advance the window by what they took and may decrypt in place, so the memory must be writable.
/// The caller keeps what is left, and passes it again in front of what arrives next. The window owns nothing: the
/// memory stays the caller's and must outlive the call.
public struct CipherWindow {
    var raw: warren_window

    /// A window on all of `bytes`.
    public init(_ bytes: UnsafeMutableRawBufferPointer) {
        raw = warren_window(base: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    }

    /// Bytes not yet taken.
    public var count: Int { raw.count }

    /// Whether everything has been taken.
    public var isEmpty: Bool { raw.count == 0 }

    /// The bytes not yet taken.
    public var rest: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: raw.base, count: raw.count) }
}

/// Room for ciphertext that is to be sent.
///
/// A session's calls append and never write past the end. The sink owns nothing: the memory stays the caller's.
public struct CipherSink {
    var raw: warren_sink

    /// An empty sink on all of `room`.
    public init(_ room: UnsafeMutableRawBufferPointer) {
        raw = warren_sink(
            base: room.baseAddress?.assumingMemoryBound(to: UInt8.self), capacity: room.count, count: 0)
    }

    /// Bytes appended so far.
    public var count: Int { raw.count }

    /// Bytes that still fit.
    public var room: Int { raw.capacity - raw.count }

    /// The bytes appended so far.
    public var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: raw.base, count: raw.count) }
}
