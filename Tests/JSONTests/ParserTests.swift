import JSON
import Testing

@Suite struct ParserTests {
    @Test(
        arguments: [
            ("null", Value.null), ("true", true), (" false ", false), ("0", 0), ("-0", 0), ("42", 42),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("1.5", .double(1.5)), ("1e3", .double(1000)),
            ("[]", []), ("[1,[2],\"\"]", [1, [2], ""]), ("{}", [:]), ("{\"b\":1,\"a\":null}", ["b": 1, "a": nil]),
            ("\"\\u0041\\n\\/\\\\\\\"\"", "A\n/\\\""), ("\"\\ud83d\\ude00\"", "😀"), ("\"é\"", "é"),
        ] as [(String, Value)])
    func accepts(text: String, value: Value) throws {
        #expect(try Value(parsing: text) == value)
    }

    /// The sentences are those of Go's decoder, which Consul passes on in its answers.
    @Test(arguments: [
        ("", "EOF", 1), ("  ", "EOF", 3), ("[", "unexpected EOF", 2), ("{\"a\"", "unexpected EOF", 5),
        ("{not json", "invalid character 'n' looking for beginning of object key string", 2),
        ("nope", "invalid character 'o' in literal null (expecting 'u')", 2),
        ("x", "invalid character 'x' looking for beginning of value", 1),
        ("[1 2]", "invalid character '2' after array element", 4),
        ("[1,]", "invalid character ']' looking for beginning of value", 4),
        ("{\"a\" 1}", "invalid character '1' after object key", 6),
        ("{\"a\":1 2}", "invalid character '2' after object key:value pair", 8),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string", 8),
        ("1 2", "invalid character '2' after top-level value", 3),
        ("01", "invalid character '1' after top-level value", 2),
        ("-", "unexpected EOF", 2), ("-x", "invalid character 'x' in numeric literal", 2),
        ("1.x", "invalid character 'x' after decimal point in numeric literal", 3),
        ("1ex", "invalid character 'x' in exponent of numeric literal", 3),
        ("1e999", "number 1e999 is out of range", 1),
        ("\"a\nb\"", "invalid character '\\n' in string literal", 3),
        ("\"\\x\"", "invalid character 'x' in string escape code", 3),
        ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape", 6),
        ("\"\\ud800\"", "\\u escape is half of a surrogate pair", 3),
        ("\"\\ud800\\u0041\"", "\\u escape is half of a surrogate pair", 3), ("\"a", "unexpected EOF", 3),
        ("+1", "invalid character '+' looking for beginning of value", 1),
        ("'a'", "invalid character '\\'' looking for beginning of value", 1),
        ("\u{0}", "invalid character '\\x00' looking for beginning of value", 1),
    ])
    func refuses(text: String, sentence: String, column: Int) {
        let error = #expect(throws: ParseError.self) { try Value(parsing: text) }
        #expect(error?.streamText == sentence)
        #expect(error?.column == column)
        #expect(error?.line == (1))
    }

    @Test func placesAreLineAndColumn() {
        let error = #expect(throws: ParseError.self) { try Value(parsing: "{\n  \"a\": 1,\n  b\n}") }
        #expect(error?.line == 3)
        #expect(error?.column == 3)
        #expect(
            error?.description
                == "line 3, column 3: invalid character 'b' looking for beginning of object key string")
    }

    @Test func wholeFilesSpeakOfTheirEnd() {
        let error = #expect(throws: ParseError.self) { try Value(parsing: "{\"service\": ") }
        #expect(error?.wholeText == "unexpected end of JSON input")
    }

    @Test func invalidUTF8IsRefused() {
        for bytes: [UInt8] in [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] {
            let error = #expect(throws: ParseError.self) { try Value(parsing: bytes) }
            #expect(error?.reason == .notUTF8)
        }
    }

    @Test func depthIsBounded() throws {
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        let error = #expect(throws: ParseError.self) { try Value(parsing: deep) }
        #expect(error?.reason == .tooDeep(limit: 128))
        _ = try Value(parsing: deep, limits: Limits(depth: 200))
    }

    @Test func sizeIsBounded() {
        let error = #expect(throws: ParseError.self) { try Value(parsing: "[1,2,3]", limits: Limits(bytes: 6)) }
        #expect(error?.reason == .tooLarge(limit: 6))
    }

    @Test func aKeyTwice() throws {
        #expect(try Value(parsing: "{\"a\":1,\"b\":2,\"a\":3}") == ["a": 3, "b": 2])
        let error = #expect(throws: ParseError.self) {
            try Value(parsing: "{\"a\":1,\n\"a\":3}", limits: Limits(duplicates: .refused))
        }
        #expect(error?.reason == .duplicateKey("a"))
        #expect(error?.line == 2)
        // Beyond the walked part a table finds them.
        let many = (0..<40).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let value = try Value(parsing: "{\(many),\"k3\":-3,\"k39\":-39}")
        #expect(value.object?.count == 40)
        #expect(value["k3"] == -3)
        #expect(value["k39"] == -39)
    }

    @Test func keysFold() throws {
        let object = try #require(try Value(parsing: "{\"PORT\":1,\"port\":2,\"Name\":3}").object)
        #expect(object[folding: "port"] == 2)
        #expect(object[folding: "Port"] == 1)
        #expect(object[folding: "name"] == 3)
        #expect(object[folding: "nam"] == nil)
        #expect(!Object.folded("@", equals: "`"))
    }
}
