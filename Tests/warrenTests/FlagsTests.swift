import Testing

@testable import warren

@Suite("Flags")
struct FlagsTests {
    private func sample() -> Flags {
        var flags = Flags(usage: "warren test [options]")
        flags.value("name", "text", "A name. " + String(repeating: "word ", count: 40))
        flags.list("item", "text", "An item.")
        flags.toggle("loud", "Says more.")
        return flags
    }

    private func parse(_ words: String...) throws(Flags.Misuse) -> Flags {
        var flags = sample()
        _ = try flags.parse(words)
        return flags
    }

    @Test("take one dash or two, with a word or an equals sign")
    func forms() throws {
        for words in [["-name", "x"], ["--name", "x"], ["-name=x"], ["--name=x"], ["-name", "y", "-name=x"]] {
            var flags = sample()
            _ = try flags.parse(words)
            #expect(flags.text("name") == "x" && flags.isGiven("name") && !flags.isGiven("item"))
        }
        #expect(try parse("-name=a=b").text("name") == "a=b")
        #expect(try parse("-name=").text("name") == "")
        #expect(try parse("-name", "-loud").text("name") == "-loud")
        #expect(try parse("-item", "1", "-item=2").texts("item") == ["1", "2"])
        #expect(try parse().text("name") == nil)
    }

    @Test("a toggle may stand alone or say so")
    func toggles() throws {
        #expect(try parse("-loud").isOn("loud"))
        #expect(try parse("-loud=true").isOn("loud") && !parse("-loud=0").isOn("loud"))
        #expect(try !parse().isOn("loud"))
        #expect(try parse("-loud", "false").arguments == ["false"])
        #expect(try !parse("-loud", "-loud=F").isOn("loud"))
    }

    @Test("end at the first word that is none")
    func ends() throws {
        #expect(try parse("-loud", "a", "-name").arguments == ["a", "-name"])
        #expect(try parse("--", "-loud").arguments == ["-loud"])
        #expect(try parse("-").arguments == ["-"])
    }

    static let misuses: [(words: [String], sentence: String)] = [
        (["-nope"], "flag provided but not defined: -nope"),
        (["--nope=1"], "flag provided but not defined: -nope"),
        (["-name"], "flag needs an argument: -name"),
        (["---name"], "bad flag syntax: ---name"),
        (["-=x"], "bad flag syntax: -=x"),
        (["--=x"], "bad flag syntax: --=x"),
        (["-loud=maybe"], "invalid boolean value \"maybe\" for -loud; give true or false"),
    ]

    @Test("misuse names the flag", arguments: misuses)
    func misuse(words: [String], sentence: String) {
        var flags = sample()
        do throws(Flags.Misuse) {
            _ = try flags.parse(words)
            Issue.record("\(words) were taken")
        } catch {
            #expect(error.description == sentence)
        }
    }

    @Test("help is asked for in four ways and shows every flag")
    func help() throws {
        for word in ["-h", "-help", "--help", "--h"] {
            var flags = sample()
            #expect(try flags.parse([word]) == .help)
        }
        let text = sample().help
        #expect(text.hasPrefix("Usage: warren test [options]\n\nOptions:\n"))
        #expect(text.contains("\n  -name=<text>\n") && text.contains("\n  -loud\n"))
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
    }

    enum Speed: String, CaseIterable { case slow, fast }

    @Test("values are read and checked")
    func values() throws {
        #expect(try parse("-name", "5").number("name", in: 1...9, default: 3) == 5)
        #expect(try parse().number("name", in: 1...9, default: 3) == 3)
        for bad in ["0", "10", "x", "", "5.0", "99999999999999999999"] {
            let flags = try parse("-name", bad)
            #expect(throws: Flags.Misuse.self) { try flags.number("name", in: 1...9, default: 3) }
        }
        #expect(try parse("-name", "fast").choice("name", default: Speed.slow) == .fast)
        #expect(try parse().choice("name", default: Speed.slow) == .slow)
        do throws(Flags.Misuse) {
            _ = try parse("-name", "no").choice("name", default: Speed.slow)
            Issue.record("no such speed")
        } catch {
            #expect(error.description == "invalid value \"no\" for -name: want one of slow, fast")
        }
        #expect(try parse("-name", "1m").duration("name", default: 3) == 60_000_000_000)
        #expect(try parse().duration("name", default: 3) == 3)
        do throws(Flags.Misuse) {
            _ = try parse("-name", "5").duration("name", default: 3)
            Issue.record("5 what?")
        } catch {
            #expect(error.description.contains("\"5\" for -name") && error.description.contains("10s"))
        }
    }
}

@Suite("Durations")
struct DurationTests {
    @Test(
        "are written as in Go",
        arguments: [
            ("0", 0), ("0s", 0), ("1ns", 1), ("1us", 1000), ("1µs", 1000), ("1ms", 1_000_000), ("1s", 1_000_000_000),
            ("1m", 60_000_000_000), ("1h", 3_600_000_000_000), ("1.5s", 1_500_000_000), (".5s", 500_000_000),
            ("1m30s", 90_000_000_000), ("1h2m3.5s", 3_723_500_000_000), ("1h0.5ms", 3_600_000_500_000),
        ] as [(String, UInt64)])
    func good(text: String, nanoseconds: UInt64) {
        #expect(warren.Duration.nanoseconds(parsing: text) == nanoseconds)
    }

    @Test(
        "are refused when they are not",
        arguments: [
            "", "5", "s", "-1s", "1 s", "1s ", "1d", "1.2.3s", ".", ".s", "1e3s", "٣s", "1s2", "infs", "nan", "0x1s",
            "9999999999999h",
        ])
    func bad(text: String) {
        #expect(warren.Duration.nanoseconds(parsing: text) == nil)
    }
}
