import Kernel
import Testing

@Suite("Where a person says to listen or connect")
struct EndpointTests {
    /// Text, and what it reads as; `nil` is a refusal.
    static let table: [(text: String, wildcard: Bool, expected: String?)] = [
        ("127.0.0.1:80", false, "127.0.0.1:80"),
        ("127.0.0.1:0", true, "127.0.0.1:0"),
        (":8080", false, "127.0.0.1:8080"),
        (":8080", true, "0.0.0.0:8080"),
        ("[::1]:443", false, "[::1]:443"),
        ("[2001:db8::1]:65535", false, "[2001:db8::1]:65535"),
        ("localhost:9", false, "localhost:9"),
        ("a_b.example.:9", false, "a_b.example.:9"),
        ("unix:/run/x.sock", false, "unix:/run/x.sock"),
        ("unix:relative", false, "unix:relative"),
        ("", false, nil),
        ("nothing", false, nil),
        ("127.0.0.1", false, nil),
        ("127.0.0.1:", false, nil),
        ("127.0.0.1:65536", false, nil),
        ("127.0.0.1:-1", false, nil),
        ("127.0.0.1:+1", false, nil),
        ("127.0.0.1:80 ", false, nil),
        ("127.0.0.1:8O", false, nil),
        ("127.0.0.1:٣", false, nil),
        ("fe80::1%lo:80", false, nil),
        ("[::1:80", false, nil),
        ("a b:80", false, nil),
        ("-:80", false, "-:80"),
        ("a..b:80", false, nil),
        (".:80", false, nil),
        ("é:80", false, nil),
        ("unix:", false, nil),
        ("unix:" + String(repeating: "x", count: 107), false, "unix:" + String(repeating: "x", count: 107)),
        ("unix:" + String(repeating: "x", count: 108), false, nil),
        (String(repeating: "a", count: 63) + ":1", false, String(repeating: "a", count: 63) + ":1"),
        (String(repeating: "a", count: 64) + ":1", false, nil),
    ]

    @Test("reads, or refuses with a sentence", arguments: table)
    func reads(text: String, wildcard: Bool, expected: String?) {
        do throws(EndpointName.Malformed) {
            let name = try EndpointName(parsing: text, wildcard: wildcard)
            #expect(name.description == expected)
            #expect(throws: Never.self) { try EndpointName(parsing: name.description) == name }
        } catch {
            #expect(expected == nil, "\(text) was refused: \(error)")
            #expect(!error.description.isEmpty)
        }
    }
}

@Suite("Addresses")
struct SocketAddressTests {
    @Test("say what they are")
    func facets() throws {
        let four = SocketAddress(ipv4: (127, 0, 0, 1), port: 80)
        #expect(four.description == "127.0.0.1:80" && four.port == 80 && four.isLoopback && !four.isUnix)
        let other = try #require(SocketAddress(ip: "192.0.2.1", port: 1))
        #expect(!other.isLoopback && other.host == "192.0.2.1")
        let six = try #require(SocketAddress(ip: "[::1]", port: 443))
        #expect(six.description == "[::1]:443" && six.isLoopback && six.port == 443)
        #expect(try #require(SocketAddress(ip: "::ffff:127.0.0.1", port: 1)).isLoopback)
        #expect(!(try #require(SocketAddress(ip: "2001:db8::1", port: 1)).isLoopback))
        let path = try #require(SocketAddress(unixPath: "/run/x"))
        #expect(path.description == "unix:/run/x" && path.isUnix && path.port == 0 && path.isLoopback)
        #expect(SocketAddress(unixPath: "") == nil)
        #expect(SocketAddress(ip: "localhost", port: 1) == nil)
        #expect(SocketAddress(ip: "1.2.3", port: 1) == nil)
    }

    @Test("are equal by the bytes that count, and a port can be set")
    func equality() throws {
        var one = SocketAddress(ipv4: (10, 0, 0, 1), port: 5)
        let two = try #require(SocketAddress(ip: "10.0.0.1", port: 6))
        #expect(one != two)
        one.port = 6
        #expect(one == two && one.hashValue == two.hashValue)
        var six = try #require(SocketAddress(ip: "::1", port: 5))
        six.port = 7
        #expect(six.description == "[::1]:7")
        var path = try #require(SocketAddress(unixPath: "/x"))
        path.port = 7
        #expect(path.description == "unix:/x")
    }
}
