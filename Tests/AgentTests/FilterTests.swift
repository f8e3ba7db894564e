import JSON
import Testing

@testable import Agent

@Suite struct FilterTests {
    let item: Value = [
        "ID": "web-1", "Service": "web", "Port": 80, "Tags": ["a", "b"], "Meta": ["env": "prod"], "Address": "",
        "Connect": ["Native": true], "Proxy": ["Upstreams": [["DestinationName": "db"], ["DestinationName": "mq"]]],
    ]

    @Test(
        arguments: [
            ("Service == web", true), ("Service == \"web\"", true), ("Service != web", false), ("Port == 80", true),
            ("a in Tags", true), ("c in Tags", false), ("c not in Tags", true), ("Tags contains b", true),
            ("Tags not contains b", false), ("Tags is empty", false), ("Tags is not empty", true),
            ("Meta.env == prod", true),
            ("Meta.nope == prod", false), ("Meta.nope is empty", true), ("Meta contains env", true),
            ("env in Meta", true),
            ("Service matches \"^w.b$\"", true), ("Service not matches \"x\"", true), ("Address is empty", true),
            ("Service == web and Port == 81", false), ("Service == web or Port == 81", true),
            ("not (Service == web and Port == 81)", true), ("not Service == db and Port == 80", true),
            ("Connect.Native == true", true), ("Proxy.Upstreams.DestinationName == mq", true),
            ("Proxy.Upstreams.DestinationName == pg", false), ("Proxy.Upstreams is not empty", true),
            ("Service == web and (Port == 1 or (Port == 80 and a in Tags))", true),
        ] as [(String, Bool)])
    func decides(text: String, expected: Bool) throws {
        #expect(try Filter(text, for: .service).accepts(item) == expected)
    }

    @Test(arguments: [
        ("Bogus == web", "Selector \"Bogus\" is not valid"), ("Meta.a.b == x", "Selector \"Meta.a.b\" is not valid"),
        ("Tags == a", "Invalid match operator for selector \"Tags\""),
        ("Service ==", "Failed to parse filter: no match found"),
        ("Service = web", "Failed to parse filter: unexpected \"=\""),
        ("(Service == web", "Failed to parse filter: no match found"),
        ("Service == \"web", "Failed to parse filter: unterminated string literal"),
        ("", "Failed to parse filter: no match found"),
        ("Service matches \"(\"", "failed to parse regexp of selector \"Service\""),
        ("Service == web web", "Failed to parse filter: no match found"),
    ])
    func refuses(text: String, sentence: String) {
        let error = #expect(throws: FilterError.self) { try Filter(text, for: .service) }
        #expect(error?.text == sentence)
    }

    @Test(arguments: [
        ("abc", "xabcx", true), ("^abc$", "abc", true), ("^abc$", "abcd", false), ("a.c", "abc", true),
        ("a*b", "b", true),
        ("^a+b$", "aaab", true), ("^a?b$", "aab", false), ("[a-c]+", "xbx", true), ("^[^a-c]+$", "xyz", true),
        ("(foo|bar)baz", "barbaz", true), ("^(a|b)*$", "abba", true), ("\\d+", "a1", true), ("^\\w+$", "a_1", true),
        ("\\.", "a.b", true), ("\\.", "ab", false), ("^$", "", true), ("(?:ab)+c", "ababc", true), ("[]]", "]", true),
        ("[a\\-]", "-", true),
    ])
    func matches(pattern: String, text: String, expected: Bool) throws {
        #expect(try #require(Pattern(pattern)).matches(text) == expected, "\(pattern) on \(text)")
    }

    @Test func aPatternOfEvilRepetitionIsQuick() throws {
        let pattern = try #require(Pattern("^(a|a)*(a|a)*(a|a)*b$"))
        let clock = ContinuousClock()
        let took = clock.measure { #expect(!pattern.matches(String(repeating: "a", count: 5000))) }
        #expect(took < .seconds(5))
        #expect(Pattern("*") == nil)
        #expect(Pattern("[b-a]") == nil)
        #expect(Pattern("a\\") == nil)
    }
}
