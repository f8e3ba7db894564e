import CWarren

/// What all TLS sessions of one event loop share: OpenSSL's algorithms fetched once, expanded keys of busy sessions.
///
/// One per loop, used by that loop's thread alone, and given up on it too: OpenSSL keeps random generators per thread and
/// library context. Contexts keep it alive, sessions keep their context.
public final class TLSEngine {
    /// Which implementation of AES-GCM seals detached records.
    public enum Accelerator: Sendable {
        /// OpenSSL's.
        case none
        /// `libIPSec_MB` if it is installed, the CPU has VAES and its answers agree with OpenSSL's; else OpenSSL's.
        case automatic
    }

    let raw: OpaquePointer

    /// An engine. `keyedSlots` bounds the expanded key schedules (about 1 KiB each, two per session that carries data
    /// at the moment); `updateAfter` is after how many records a key is replaced, nil for the safe default (RFC 8446
    /// section 5.5). Throws `internal` without memory.
    public init(
        accelerator: Accelerator = .automatic, keyedSlots: Int = 1024, updateAfter: UInt64? = nil
    ) throws(TLSFault) {
        let choice = accelerator == .automatic ? WARREN_TLS_ACCELERATOR_AUTO : WARREN_TLS_ACCELERATOR_NONE
        guard
            let raw = warren_tls_engine_new(
                Int32(choice), UInt32(clamping: keyedSlots), updateAfter ?? 0)
        else { throw TLSFault(.internal, detail: "no TLS engine: out of memory, or libcrypto lacks AES or SHA-2") }
        self.raw = raw
    }

    deinit {
        warren_tls_engine_release(raw)
    }

    /// What seals AES-GCM records of detached sessions, for `warren version`: "libcrypto" or "libIPSec_MB ...".
    public var recordProtection: String { String(cString: warren_tls_engine_aead(raw)) }

    /// The same for reports of a running loop: does not load the accelerator only to be able to name it, but says
    /// "libIPSec_MB or libcrypto, no record yet" while none was needed.
    public var recordProtectionInUse: String { String(cString: warren_tls_engine_aead_in_use(raw)) }

    /// Gives back the memory of key schedules whose sessions are over; the next sessions allocate theirs anew.
    public func trim() { warren_tls_engine_trim(raw) }

    /// Judges certificates, caches and tickets as if it were `seconds` after 1970; nil gives the real clock back. For
    /// tests.
    public func pretend(time seconds: Int64?) {
        warren_tls_engine_set_time(raw, seconds ?? 0)
    }
}

@available(*, unavailable)
extension TLSEngine: Sendable {}
