import CWarren

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

    /// Of this kernel. The first call tries it out.
    public static let here: KernelSupport = {
        var detail = [CChar](repeating: 0, count: 200)
        let outcome = warren_tls_kernel_probe(&detail, detail.count)
        return KernelSupport(
            isUsable: outcome == 0,
            detail: String(decoding: detail.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }()
}
