import CWarren
import Synchronization

/// What the running kernel can do with TLS records. Tried out once in a process, on a loopback connection, against libcrypto, keys
/// changed both ways; takes a few milliseconds and may make the kernel load its module.
public struct KernelSupport: Sendable {
    /// Whether records may be given to the kernel.
    public let isUsable: Bool
    /// Why, or why not, in a sentence.
    public let detail: String

    /// A verdict made by hand, for tests.
    public init(isUsable: Bool, detail: String) {
        self.isUsable = isUsable
        self.detail = detail
    }

    /// Both as one phrase, for reports: "usable: ..." or "not usable: ...".
    public var verdict: String { "\(isUsable ? "usable" : "not usable"): \(detail)" }

    private static let isTriedOut = Atomic(false)

    /// The verdict on this kernel for reports of a running process. Does not try it out only to be able to say so, since
    /// that may load a module: "not tried out: ktls is off" where no tunnel asked for it yet.
    public static var verdictInUse: String {
        isTriedOut.load(ordering: .acquiring) ? here.verdict : "not tried out: ktls is off"
    }

    /// Of this kernel. The first call tries it out.
    public static let here: KernelSupport = {
        defer { isTriedOut.store(true, ordering: .releasing) }
        var detail = [CChar](repeating: 0, count: 200)
        let outcome = warren_tls_kernel_probe(&detail, detail.count)
        return KernelSupport(
            isUsable: outcome == 0,
            detail: String(decoding: detail.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }()
}
