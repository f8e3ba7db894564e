import TLS
import Testing

@testable import warren

@Suite("The accelerator's flag")
struct AcceleratorFlagTests {
    private func read(_ words: [String]) throws(Flags.Misuse) -> TLSEngine.Accelerator {
        var flags = Flags(usage: "x")
        AcceleratorFlag.declare(&flags)
        _ = try flags.parse(words)
        return try AcceleratorFlag.value(flags)
    }

    @Test("is auto or off")
    func values() throws {
        #expect(try read(["-accelerator", "auto"]) == .automatic)
        #expect(try read(["-accelerator=off"]) == .none)
    }

    @Test("refuses everything else with a sentence that names it")
    func refused() {
        for text in ["", "on", "OFF", "none"] {
            do throws(Flags.Misuse) {
                let value = try read(["-accelerator", text])
                Issue.record("\(text) was taken for \(value)")
            } catch {
                #expect(error.description == "invalid value \"\(text)\" for -accelerator: want auto or off")
            }
        }
    }
}
