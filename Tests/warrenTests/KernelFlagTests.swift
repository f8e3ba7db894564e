import TLS
import Testing

@testable import warren

@Suite("The kernel's flag")
struct KernelFlagTests {
    private func read(_ words: [String], records: TLSPolicy.Records = .automatic) throws -> TLSPolicy.KernelUse {
        var flags = Flags(usage: "test")
        KernelFlag.declare(&flags)
        _ = try flags.parse(words)
        return try KernelFlag.value(flags, records: records)
    }

    @Test("is off unless it says auto, and refuses the rest with a sentence")
    func values() throws {
        #expect(try read([]) == .off)
        #expect(try read(["-ktls=off"], records: .attached) == .off)
        #expect(try read(["-ktls", "auto"], records: .detached) == .auto)
        for (text, records, sentence) in [
            ("on", .automatic, "invalid value \"on\" for -ktls: want off or auto"),
            ("auto", .attached, "-ktls auto needs detached records: leave -records attached out, or -ktls auto"),
        ] as [(String, TLSPolicy.Records, String)] {
            #expect { _ = try read(["-ktls", text], records: records) } throws: { "\($0)" == sentence }
        }
    }

    @Test("a kernel that cannot do it is told once, with the reason")
    func complaint() {
        #expect(
            KernelFlag.complaint(KernelSupport(isUsable: false, detail: "it is old"))
                == "-ktls auto has no effect here: it is old. Records are protected by this process")
        #expect(KernelFlag.complaint(KernelSupport(isUsable: true, detail: "fine")) == nil)
    }

    @Test("a report says what came of trying it out, once it was")
    func verdict() {
        #expect(KernelSupport(isUsable: true, detail: "fine").verdict == "usable: fine")
        #expect(KernelSupport(isUsable: false, detail: "it is old").verdict == "not usable: it is old")
        let here = KernelSupport.here
        #expect(KernelSupport.verdictInUse == here.verdict && !here.detail.isEmpty)
    }
}
