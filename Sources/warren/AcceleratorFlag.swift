import TLS

/// `-accelerator`: whether Intel's library may protect records. Without the flag WARREN_ACCELERATOR says it, which an agent
/// hands on to the sidecars it starts.
enum AcceleratorFlag {
    static func declare(_ flags: inout Flags) {
        flags.value(
            "accelerator", "auto|off",
            "Whether libIPSec_MB, where it is installed and the CPU has VAES, may do AES-GCM of detached records instead of OpenSSL. The default is WARREN_ACCELERATOR, or auto."
        )
    }

    static func value(_ flags: Flags) throws(Flags.Misuse) -> TLSEngine.Accelerator {
        if let text = flags.text("accelerator") { return try parse(text, "-accelerator") }
        if let text = environment("WARREN_ACCELERATOR") { return try parse(text, "WARREN_ACCELERATOR") }
        return .automatic
    }

    private static func parse(_ text: String, _ source: String) throws(Flags.Misuse) -> TLSEngine.Accelerator {
        switch text {
        case "auto": return .automatic
        case "off": return .none
        default: throw Flags.Misuse(description: "invalid value \"\(text)\" for \(source): want auto or off")
        }
    }
}
