import HTTP
import JSON
import Testing

@testable import warren

@Suite("The words behind a command")
struct ClientFlagsTests {
    private func parsed(_ words: [String]) throws(Flags.Misuse) -> Flags {
        var flags = Flags(usage: "x")
        flags.list("meta", "key=value", "A pair.")
        flags.value("type", "type", "A type.")
        flags.value("service", "name", "A service.")
        flags.value("passingonly", "true|false", "Passing.")
        flags.value("state", "state", "A state.")
        flags.list("tag", "tag", "A tag.")
        flags.value("port", "number", "A port.")
        flags.value("name", "name", "A name.")
        flags.value("kind", "kind", "A kind.")
        flags.value("id", "id", "An id.")
        flags.value("address", "address", "An address.")
        flags.list("tagged-address", "tag=address:port", "An address.")
        _ = try flags.parse(words)
        return flags
    }

    @Test("are counted")
    func arguments() throws {
        try parsed([]).expectArguments(0...0)
        try parsed(["a", "b"]).expectArguments(1...2)
        let many = try #require(throws: Failure.self) { try parsed(["foo"]).expectArguments(0...0) }
        #expect(many.text == "Too many arguments (expected 0, got 1)" && many.status == 1 && !many.showsUsage)
        let few = try #require(throws: Failure.self) { try parsed([]).expectArguments(1...2) }
        #expect(few.text == "Too few arguments (expected 1 to 2, got 0)")
    }

    @Test("hold pairs, of which the last of a key wins")
    func pairs() throws {
        let pairs = try parsed(["-meta", "a=1", "-meta=b=x=y", "-meta", "a=2", "-meta", "c="]).pairs("meta")
        #expect(pairs.map(\.key) == ["b", "a", "c"] && pairs.map(\.value) == ["x=y", "2", ""])
        for bad in ["a", "=1", ""] {
            let failure = try #require(throws: Failure.self) { try parsed(["-meta", bad]).pairs("meta") }
            #expect(failure.text.contains("-meta"))
        }
    }

    @Test("say what to watch")
    func views() throws {
        func view(_ words: String...) throws -> String {
            let view = try WatchView(parsed(words))
            return view.query.isEmpty ? view.path : "\(view.path)?\(Query(view.query).encoded)"
        }
        #expect(try view("-type", "services") == "/v1/catalog/services")
        #expect(try view("-type", "nodes") == "/v1/catalog/nodes")
        #expect(try view("-type", "service", "-service", "a/b") == "/v1/health/service/a%2Fb")
        #expect(
            try view("-type", "service", "-service", "web", "-tag", "v1", "-tag", "x", "-passingonly", "true")
                == "/v1/health/service/web?tag=v1&tag=x&passing=1")
        #expect(try view("-type", "service", "-service", "web", "-passingonly=false") == "/v1/health/service/web")
        #expect(try view("-type", "checks") == "/v1/health/state/any")
        #expect(try view("-type", "checks", "-state", "critical") == "/v1/health/state/critical")
        #expect(try view("-type", "checks", "-service", "web") == "/v1/health/checks/web")
    }

    @Test(
        "are refused when they name no view",
        arguments: [
            ([], "Watch type must be specified"), (["-type", "bogus"], "Unsupported watch type: bogus"),
            (["-type", "service"], "Must specify a single service to watch"),
            (["-type", "checks", "-service", "a", "-state", "any"], "Cannot specify service and state"),
            (["-type", "connect_roots"], "Type connect_roots is not supported in the CLI tool"),
            (["-type", "service", "-service", "a", "-passingonly", "1"], "invalid value \"1\" for -passingonly"),
            (["-type", "key"], "Type key is not supported"),
        ] as [([String], String)])
    func noViews(words: [String], text: String) throws {
        let failure = try #require(throws: Failure.self) { try WatchView(parsed(words)) }
        #expect(failure.text.hasPrefix(text) && failure.status == 1 && failure.showsUsage == words.isEmpty)
    }

    @Test("describe a service")
    func service() throws {
        let (name, body) = try ServiceFiles.service(
            parsed([
                "-name=web", "-id", "web-1", "-port", "80", "-address", "10.0.0.1", "-tag", "a", "-tag", "b", "-meta",
                "k=v", "-tagged-address", "lan=10.0.0.2:81", "-tagged-address", "wan=[::1]:82", "-tagged-address",
                "v6=fe80::1", "-tagged-address", "host=web.example",
            ]))
        #expect(name == "web")
        let expected: Value = [
            "ID": "web-1", "Name": "web", "Address": "10.0.0.1", "Port": 80, "Tags": ["a", "b"], "Meta": ["k": "v"],
            "TaggedAddresses": [
                "lan": ["Address": "10.0.0.2", "Port": 81], "wan": ["Address": "::1", "Port": 82],
                "v6": ["Address": "fe80::1", "Port": 0], "host": ["Address": "web.example", "Port": 0],
            ],
        ]
        #expect(body == expected)
        for bad in [["-name", "x", "-port", "65536"], ["-name", "x", "-tagged-address", "lan=10.0.0.1:x"]] {
            #expect(throws: Failure.self) { try ServiceFiles.service(parsed(bad)) }
        }
    }

    @Test("an intention's side may carry a namespace")
    func sides() {
        #expect(IntentionLookup.split("web") == (nil, "web"))
        #expect(IntentionLookup.split("team/web") == ("team", "web"))
    }
}
