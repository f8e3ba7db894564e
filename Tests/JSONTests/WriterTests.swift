import JSON
import Testing

@Suite struct WriterTests {
    @Test func escapesAsGoDoes() {
        let text = Value.string("<a>&\"\\\n\r\t\u{8}\u{1f}\u{2028}\u{2029}é\u{7f}/").text()
        #expect(text == #""\u003ca\u003e\u0026\"\\\n\r\t\u0008\u001f\u2028\u2029é"# + "\u{7f}/\"")
    }

    @Test func laysOutAsGoDoes() {
        let value: Value = ["b": [], "a": [:], "c": [1, ["x": nil]], "d": true]
        #expect(value.text() == #"{"b":[],"a":{},"c":[1,{"x":null}],"d":true}"#)
        #expect(
            value.text(.pretty) == """
                {
                    "b": [],
                    "a": {},
                    "c": [
                        1,
                        {
                            "x": null
                        }
                    ],
                    "d": true
                }
                """)
    }

    @Test(arguments: [
        (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (1.5, "1.5"), (-2.25, "-2.25"), (1e-5, "0.00001"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (1.25e-10, "1.25e-10"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e300, "1.5e+300"),
        (123456.789, "123456.789"), (0.1, "0.1"), (Double.leastNonzeroMagnitude, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9_007_199_254_740_992, "9007199254740992"), (Double.infinity, "null"), (1e16, "10000000000000000"),
    ])
    func spellsNumbersAsGoDoes(number: Double, spelling: String) {
        #expect(Value.double(number).text() == spelling)
    }

    @Test func readsBackWhatItWrote() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = Seeded(state: seed)
        for _ in 0..<500 {
            let value = Value.random(using: &generator, depth: 4)
            for layout in [Layout.compact, .pretty, .indented(unit: "\t")] {
                let text = value.text(layout)
                #expect(try Value(parsing: text) == value, "seed \(seed): \(text)")
            }
        }
    }
}

/// SplitMix64, so that a failing seed can be run again.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Value {
    static func random(using generator: inout Seeded, depth: Int) -> Value {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
        case 3: return .double(Double.random(in: -1e9...1e9, using: &generator) + 0.123)
        case 4: return .string(randomText(using: &generator))
        case 5:
            return .array(
                (0..<Int.random(in: 0..<5, using: &generator)).map { _ in random(using: &generator, depth: depth - 1) })
        default:
            var object = Object()
            for index in 0..<Int.random(in: 0..<5, using: &generator) {
                object.append("\(index)" + randomText(using: &generator), random(using: &generator, depth: depth - 1))
            }
            return .object(object)
        }
    }

    private static func randomText(using generator: inout Seeded) -> String {
        let scalars = (0..<Int.random(in: 0..<12, using: &generator)).compactMap { _ in
            Unicode.Scalar(UInt32.random(in: 0...0x2fff, using: &generator))
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
