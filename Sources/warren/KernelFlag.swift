import TLS

/// `-ktls` and `-splice` of a tunnel: whether and when the kernel protects records (kernel TLS).
enum KernelFlag {
    static func declare(_ flags: inout Flags) {
        flags.value(
            "ktls", "off|auto",
            "Whether the kernel may take over the records of detached sessions that carry bulk, so that they are spliced (kernel TLS, Linux 6.14 or later). The default is off."
        )
        flags.value(
            "splice", "auto|always|never",
            "With -ktls auto, when the kernel gets the records: once a direction has turned out to carry bulk (auto), with the first that comes (always), or not at all (never). The default is auto."
        )
    }

    static func value(_ flags: Flags, records: TLSPolicy.Records) throws(Flags.Misuse) -> TLSPolicy.KernelUse {
        guard let text = flags.text("ktls") else { return .off }
        guard let use = TLSPolicy.KernelUse(rawValue: text) else {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -ktls: want off or auto")
        }
        if use == .auto, case .attached = records {
            throw Flags.Misuse(
                description: "-ktls auto needs detached records: leave -records attached out, or -ktls auto")
        }
        return use
    }

    /// The sentence for a kernel that cannot do it; `nil` for one that can.
    static func complaint(_ support: KernelSupport) -> String? {
        support.isUsable
            ? nil : "-ktls auto has no effect here: \(support.detail). Records are protected by this process"
    }
}
