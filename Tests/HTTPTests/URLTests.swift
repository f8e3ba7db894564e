import Testing

@testable import HTTP

/// Percent-encoding and queries as Go's net/url has them; the expected values are what Go prints.
@Suite struct URLTests {
    @Test(arguments: [
        ("a b", "a%20b", "a+b"), ("a/b", "a%2Fb", "a%2Fb"), ("a+b", "a+b", "a%2Bb"), ("é", "%C3%A9", "%C3%A9"),
        ("$&+=:@", "$&+=:@", "%24%26%2B%3D%3A%40"), (",;?#%", "%2C%3B%3F%23%25", "%2C%3B%3F%23%25"),
        ("-._~", "-._~", "-._~"), ("!*'()", "%21%2A%27%28%29", "%21%2A%27%28%29"), ("", "", ""),
        ("\u{0}\n", "%00%0A", "%00%0A"),
    ])
    func encoding(_ text: String, _ path: String, _ query: String) throws {
        #expect(PercentCoding.encodePath(text) == path)
        #expect(PercentCoding.encodeQuery(text) == query)
        #expect(try PercentCoding.decodePath(path) == text)
        #expect(try PercentCoding.decodeQuery(query) == text)
    }

    @Test(arguments: [("%", "%"), ("a%2", "%2"), ("%zz", "%zz"), ("%2gx", "%2g"), ("%%41", "%%4")])
    func badEscapes(_ text: String, _ named: String) {
        #expect(throws: URLFault.escape(named)) { try PercentCoding.decodePath(text) }
        #expect(throws: URLFault.escape(named)) { try PercentCoding.decodeQuery(text) }
    }

    @Test func bytesThatAreNotUTF8() {
        #expect(throws: URLFault.notUTF8) { try PercentCoding.decodePath("%ff") }
    }

    struct Parsed: Sendable {
        var text: String
        var items: [Query.Item]
        init(_ text: String, _ items: [(String, String)]) {
            self.text = text
            self.items = items.map { Query.Item($0.0, $0.1) }
        }
    }

    static let parsed: [Parsed] = [
        Parsed("", []), Parsed("a", [("a", "")]), Parsed("a=", [("a", "")]), Parsed("=b", [("", "b")]),
        Parsed("a=1&a=2&b=3", [("a", "1"), ("a", "2"), ("b", "3")]), Parsed("&&a=1&&", [("a", "1")]),
        Parsed("a=b=c", [("a", "b=c")]), Parsed("a+b=c+d", [("a b", "c d")]), Parsed("a%26=%3D", [("a&", "=")]),
        Parsed("index=7&wait=10s&stale", [("index", "7"), ("wait", "10s"), ("stale", "")]),
        Parsed("filter=Service+%3D%3D+%22web%22", [("filter", "Service == \"web\"")]),
    ]

    @Test(arguments: parsed.indices)
    func queries(_ index: Int) throws {
        let query = try Query(parsing: Self.parsed[index].text)
        #expect(query.items == Self.parsed[index].items)
        #expect(try Query(parsing: query.encoded) == query)
    }

    @Test func queryLookUp() throws {
        let query = try Query(parsing: "a=1&b&a=2")
        #expect(query["a"] == "1")
        #expect(query["b"] == "")
        #expect(query["c"] == nil)
        #expect(query.has("b"))
        #expect(!query.has("c"))
        #expect(query.values("a") == ["1", "2"])
    }

    @Test func badQueries() {
        #expect(throws: URLFault.escape("%zz")) { try Query(parsing: "x=%zz") }
        #expect(throws: URLFault.escape("%")) { try Query(parsing: "%=1") }
        #expect(throws: URLFault.semicolon) { try Query(parsing: "a=1;b=2") }
    }

    @Test(arguments: [
        ("/v1/agent/self", ["v1", "agent", "self"]), ("/", [""]), ("/a%2Fb/", ["a/b", ""]), ("//a", ["", "a"]),
        ("/v1/kv/a+b%20c?x=/y", ["v1", "kv", "a+b c"]),
    ])
    func segments(_ target: String, _ expected: [String]) throws {
        #expect(try Request(method: "GET", target: target).pathSegments() == expected)
    }

    @Test(arguments: [
        ("gzip", true), ("gzip, deflate", true), ("deflate", false), ("", false), ("GZIP;q=0.5", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false), ("gzip; q=0.001", true), ("*", true), ("*;q=0", false), ("gzip;q=0, *", false),
        ("identity", false), ("br;q=1.0, gzip;q=0.8, *;q=0.1", true), ("gzip;q=x", false), ("gzipped", false),
        ("x-gzip", true),
    ])
    func gzipNegotiation(_ value: String, _ expected: Bool) {
        #expect(ContentCoding.acceptsGzip(HeaderFields([HeaderField("accept-encoding", value)])) == expected)
    }
}
