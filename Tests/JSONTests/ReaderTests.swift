import JSON
import Testing

@Suite struct ReaderTests {
    let reader = Reader([
        "service": [
            "name": "web", "port": "80", "checks": [["ttl": 1], ["ttl": true]], "meta": ["a": "b"], "tags": nil,
            "weight": .double(1.5),
        ]
    ])

    @Test func wrongTypesNameTheirPath() throws {
        let service = try #require(try reader.member("Service"))
        let port = #expect(throws: TypeError.self) { try service.member("port")?.integer() }
        #expect(port?.description == "Service.port: want integer, have string")
        let checks = try #require(try service.member("checks")).elements()
        let ttl = #expect(throws: TypeError.self) { try checks[1].member("ttl")?.string() }
        #expect(ttl?.description == "Service.checks[1].ttl: want string, have bool")
        let range = #expect(throws: TypeError.self) { try checks[0].member("ttl")?.integer(in: 2...3) }
        #expect(range?.description == "Service.checks[0].ttl: want integer from 2 to 3, have 1")
        let weight = #expect(throws: TypeError.self) { try service.member("weight")?.integer() }
        #expect(weight?.description == "Service.weight: want integer, have number 1.5")
        let root = #expect(throws: TypeError.self) { try reader.string() }
        #expect(root?.description == "want string, have object")
    }

    @Test func nullsAndAbsencesAreNothing() throws {
        let service = try #require(try reader.member("service"))
        #expect(try service.member("tags")?.strings() == nil)
        #expect(try service.member("nope") == nil)
        #expect(try Reader(.null).strings() == [])
        #expect(try service.member("meta")?.stringMembers().map(\.key) == ["a"])
    }
}
