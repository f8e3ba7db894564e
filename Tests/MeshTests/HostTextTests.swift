import Glibc
import Mesh
import Testing

@Suite struct HostTextTests {
    static let texts = [
        "127.0.0.1", "0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.", "",
        "a.b.c.d",
        "::", "::1", "1::", "fe80::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1::2::3", ":::", "1:", ":1", "::ffff:10.0.0.1", "::ffff:10.0.0.256", "1.2.3.4::", "12345::", "g::", "[::1]",
        "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "notanip", "localhost", "::1 ",
        "1:2:3:4:5:6:7:8::",
        "::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8",
    ]

    /// The system's own reader (inet_pton(3)) is the second opinion.
    @Test(arguments: texts)
    func agreesWithTheSystem(_ text: String) {
        var room = (UInt64(0), UInt64(0))
        #expect(HostText.isIPv4(text) == (inet_pton(AF_INET, text, &room) == 1))
        #expect(HostText.isIPv6(text) == (inet_pton(AF_INET6, text, &room) == 1))
    }

    @Test func aZoneMayFollow() {
        #expect(HostText.isIPv6("fe80::1%eth0"))
        #expect(!HostText.isIPv6("fe80::1%"))
        #expect(!HostText.isIPv4("10.0.0.1%eth0"))
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.200.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.168.4.0/22", "192.168.7.9", true),
        ("192.168.4.0/22", "192.168.8.1", false), ("0.0.0.0/0", "8.8.8.8", true), ("127.0.0.1/32", "127.0.0.1", true),
        ("127.0.0.1/32", "127.0.0.2", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("fd00::/8", "fd12::1", true),
        ("fd00::/8", "fe80::1", false), ("::/0", "1.2.3.4", false), ("::1/128", "::1", true), ("::1/128", "::2", false),
        ("fe80::/10", "fe80::1%eth0", true), ("2001:db8:a::/47", "2001:db8:b::1", true),
        ("2001:db8:a::/48", "2001:db8:b::1", false), ("10.0.0.0/8", "nonsense", false),
    ])
    func networksHoldWhatTheyHold(_ network: String, _ address: String, _ isIn: Bool) throws {
        #expect(try #require(IPNetwork(network)).contains(address) == isIn)
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "/8", "::/129", "10.0.0.0/8/8", ""])
    func whatIsNoNetworkIsNone(_ text: String) { #expect(IPNetwork(text) == nil) }

    @Test func domainsHaveLabels() {
        for good in ["consul", "consul.", "a.b-c.d_e", String(repeating: "a", count: 63)] {
            #expect(HostText.domainFault(good) == nil)
        }
        for bad in ["", ".", "a..b", ".a", "a b", "ü", String(repeating: "a", count: 64)] {
            #expect(HostText.domainFault(bad) != nil)
        }
        #expect(HostText.domainFault(String(repeating: "a.", count: 128)) != nil)
    }
}
