import HTTP
import Kernel
import Reactor
import Testing

@testable import HTTPTransport

/// The client against servers that behave and servers that do not.
@Suite struct ClientTests {
    private func ok(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false), ("HTTP/1.1 200 OK\r\n\r\nhi", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false),
    ])
    func responsesOfEveryFraming(_ wire: String, _ closes: Bool) throws {
        let server = try ScriptedServer()
        server.script = { session in
            guard session.hasRequest else { return }
            session.say(wire)
            if closes { session.close() }
        }
        let response = try server.ask().get()
        #expect(response.status == 200)
        #expect(response.body == Array("hi".utf8))
        #expect(server.sessions[0].received == "GET / HTTP/1.1\r\nHost: \(server.address)\r\n\r\n")
        #expect(server.client.idleConnections == (closes ? 0 : 1))
    }

    @Test func aResponseInSmallPieces() throws {
        let server = try ScriptedServer()
        var asked: ScriptedServer.Session?
        server.script = { if $0.hasRequest { asked = $0 } }
        var result: Result<Response, ClientFault>?
        server.client.send(Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5)) {
            result = $0
        }
        server.wait { asked != nil }
        for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
            asked?.say(String(byte))
            _ = server.loop.run(atMost: .milliseconds(1)) { false }
        }
        server.wait { result != nil }
        #expect(try result?.get().body == Array("hello".utf8))
    }

    @Test func aConnectionIsUsedAgain() throws {
        let server = try ScriptedServer()
        server.script = { session in
            if session.hasRequest {
                session.say(ok("\(session.number)"))
                session.received = ""
            }
        }
        for _ in 0..<5 { #expect(try server.ask().get().body == Array("0".utf8)) }
        #expect(server.sessions.count == 1)
        // A request sent from inside a callback finds the connection free already.
        var chain = 0
        func next(_ result: Result<Response, ClientFault>) {
            chain += 1
            if chain < 5 {
                server.client.send(
                    Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5), next)
            }
        }
        server.client.send(Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5), next)
        server.wait { chain == 5 }
        #expect(server.sessions.count == 1)
    }

    @Test func onlyAFewUnusedConnectionsAreKeptAndNotForever() throws {
        var options = ClientOptions()
        options.idleTimeout = .milliseconds(100)
        let server = try ScriptedServer(options)
        var waiting: [ScriptedServer.Session] = []
        server.script = { if $0.hasRequest { waiting.append($0) } }
        var done = 0
        for _ in 0..<5 {
            server.client.send(Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5)) { _ in
                done += 1
            }
        }
        server.wait { waiting.count == 5 }
        for session in waiting { session.say(ok("")) }
        server.wait { done == 5 }
        #expect(server.client.idleConnections == 2)
        #expect(server.wait { server.sessions.count { $0.hasEnded } == 3 })
        #expect(server.wait(.seconds(2)) { server.client.idleConnections == 0 })
        #expect(server.wait { server.sessions.allSatisfy(\.hasEnded) })
    }

    @Test func aKeptConnectionThatTheServerClosesIsForgotten() throws {
        let server = try ScriptedServer()
        server.script = { if $0.hasRequest { $0.say(ok("")) } }
        _ = try server.ask().get()
        #expect(server.client.idleConnections == 1)
        server.sessions[0].close()
        #expect(server.wait { server.client.idleConnections == 0 })
    }

    /// The server closes a kept connection at the moment we use it again.
    @Test func aStaleConnectionIsReplacedForRequestsThatMayBeRepeated() throws {
        let server = try ScriptedServer()
        server.script = { session in
            guard session.hasRequest else { return }
            if session.number % 2 == 0, session.received.count(of: "HTTP/1.1") == 2 {
                session.close(reset: true)
            } else {
                session.say(ok("\(session.number)"))
            }
        }
        #expect(try server.ask().get().body == Array("0".utf8))
        #expect(try server.ask().get().body == Array("1".utf8))
        server.client.closeIdle()
        #expect(try server.ask(Request(method: "GET", target: "/")).get().body == Array("2".utf8))
        switch try server.ask(Request(method: "POST", target: "/")) {
        case .success: Issue.record("a POST was repeated")
        case .failure(let fault):
            #expect(fault.description.hasPrefix("lost the connection to \(server.address): "))
        }
    }

    @Test(arguments: [
        ("", "SERVER closed the connection without a response"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "SERVER closed the connection in the middle of its response"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "SERVER closed the connection in the middle of its response"
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
            "SERVER sent a malformed response: Content-Length stands several times with different values"
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            "SERVER sent a malformed response: the status line is not HTTP/1.1 CODE REASON with a code from 100 to 599"
        ),
    ])
    func faultsNameTheServerAndWhatFailed(_ wire: String, _ expected: String) throws {
        let server = try ScriptedServer()
        server.script = { session in
            if session.hasRequest {
                session.say(wire)
                session.close()
            }
        }
        switch try server.ask(Request(method: "POST", target: "/")) {
        case .success: Issue.record("taken for a response: \(wire)")
        case .failure(let fault):
            var parts = expected.split(separator: "SERVER", omittingEmptySubsequences: false)
            parts.removeFirst()
            #expect(fault.description == "\(server.address)" + parts[0])
        }
        #expect(server.client.idleConnections == 0)
    }

    @Test func aServerThatDoesNotAnswerInTime() throws {
        let server = try ScriptedServer()
        switch try server.ask(timeout: .milliseconds(100)) {
        case .success: Issue.record("nobody answered")
        case .failure(let fault): #expect(fault.description == "\(server.address) did not respond within 100 ms")
        }
        #expect(server.wait { server.sessions.allSatisfy(\.hasEnded) }, "the connection was left open")
    }

    @Test func nobodyListens() throws {
        let server = try ScriptedServer()
        let free = try Socket.listen(on: SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        let address = try Socket.localAddress(of: free.raw)
        _ = consume free
        var result: Result<Response, ClientFault>?
        server.client.send(
            Request(method: "GET", target: "/"), to: .address(address), timeout: .seconds(5)
        ) { result = $0 }
        #expect(result == nil)
        server.wait { result != nil }
        guard case .failure(let fault) = result else {
            Issue.record("somebody answered on \(address)")
            return
        }
        #expect(fault.description == "cannot connect to \(address): Connection refused")

        let path = try #require(SocketAddress(unixPath: "/tmp/warren-http-nobody.sock"))
        result = nil
        server.client.send(Request(method: "GET", target: "/"), to: .address(path), timeout: .seconds(5)) {
            result = $0
        }
        server.wait { result != nil }
        guard case .failure(let fault) = result else { return }
        #expect(fault.description == "cannot connect to unix:/tmp/warren-http-nobody.sock: No such file or directory")
    }

    @Test func aNameIsLookedUp() throws {
        let server = try ScriptedServer()
        server.script = { if $0.hasRequest { $0.say(ok("named")) } }
        var result: Result<Response, ClientFault>?
        server.client.send(
            Request(method: "GET", target: "/"), to: .host("localhost", port: server.address.port),
            timeout: .seconds(10)
        ) { result = $0 }
        server.wait { result != nil }
        #expect(try result?.get().body == Array("named".utf8))
        #expect(server.sessions[0].received.contains("Host: localhost:\(server.address.port)\r\n"))
    }

    @Test func aRequestThatCannotBeWritten() throws {
        let server = try ScriptedServer()
        switch try server.ask(Request(method: "GET", target: "/a b")) {
        case .success: Issue.record("was sent")
        case .failure(let fault):
            #expect(fault.description.hasPrefix("cannot ask \(server.address): the request target has characters"))
        }
        #expect(server.sessions.isEmpty)
    }

    @Test func cancelClosesAndCallsNothing() throws {
        let server = try ScriptedServer()
        var called = false
        let call = server.client.send(
            Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5)
        ) { _ in called = true }
        server.wait { server.sessions.first?.hasRequest == true }
        call.cancel()
        #expect(!call.isUnderWay)
        #expect(server.wait { server.sessions[0].hasEnded })
        #expect(!called)
    }

    @Test func aStreamIsGivenPieceByPiece() throws {
        let server = try ScriptedServer()
        var asked: ScriptedServer.Session?
        server.script = { session in
            if session.hasRequest {
                asked = session
                session.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            }
        }
        var status = 0
        var text = ""
        var result: Result<HeaderFields, ClientFault>?
        let call = server.client.stream(
            Request(method: "GET", target: "/v1/agent/monitor"), to: server.endpoint, timeout: .milliseconds(200),
            onHead: { status = $0.status }, onBody: { text += String(decoding: $0, as: UTF8.self) },
            { result = $0 })
        server.wait { status == 200 }
        for line in ["one", "two", "three"] {
            // The time for the head does not run for the body.
            _ = server.loop.run(atMost: .milliseconds(120)) { false }
            asked?.say("\(String(line.utf8.count, radix: 16))\r\n\(line)\r\n")
            #expect(server.wait { text.hasSuffix(line) })
        }
        #expect(call.isUnderWay)
        asked?.say("0\r\nX: y\r\n\r\n")
        server.wait { result != nil }
        #expect(try result?.get()["X"] == "y")
        #expect(text == "onetwothree")
    }

    @Test func aStreamCancelledFromItsOwnCallback() throws {
        let server = try ScriptedServer()
        server.script = {
            if $0.hasRequest { $0.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n") }
        }
        var pieces = 0
        var call: ClientCall?
        call = server.client.stream(
            Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5), onHead: { _ in },
            onBody: { _ in
                pieces += 1
                call?.cancel()
            }, { _ in Issue.record("called behind cancel") })
        server.wait { server.sessions.first?.hasEnded == true }
        #expect(pieces == 1)
    }

    @Test func aTruncatedStreamIsAFault() throws {
        let server = try ScriptedServer()
        server.script = { session in
            if session.hasRequest {
                session.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
                session.close()
            }
        }
        var result: Result<HeaderFields, ClientFault>?
        server.client.stream(
            Request(method: "GET", target: "/"), to: server.endpoint, timeout: .seconds(5), onHead: { _ in },
            onBody: { _ in }, { result = $0 })
        server.wait { result != nil }
        guard case .failure(let fault) = result else {
            Issue.record("taken as whole")
            return
        }
        #expect(fault.description == "\(server.address) closed the connection in the middle of its response")
    }

    /// What follows a response that nobody asked for must not answer the next request.
    @Test func strayBytesEndTheConnection() throws {
        let server = try ScriptedServer()
        server.script = { session in
            if session.hasRequest {
                session.say(ok("\(session.number)") + (session.number == 0 ? ok("stray") : ""))
                session.received = ""
            }
        }
        #expect(try server.ask().get().body == Array("0".utf8))
        #expect(server.client.idleConnections == 0)
        #expect(try server.ask().get().body == Array("1".utf8))
    }

    @Test func manyQueriesWaitSideBySide() throws {
        var parked: [Responder] = []
        let rig = try Rig { _, responder in parked.append(responder) }
        let client = Client(on: rig.loop)
        var answers: [String] = []
        for number in 0..<50 {
            client.send(
                Request(method: "GET", target: "/\(number)?index=1&wait=10m"), to: .address(rig.address),
                timeout: .seconds(700)
            ) { result in
                switch result {
                case .success(let response): answers.append(String(decoding: response.body, as: UTF8.self))
                case .failure(let fault): Issue.record(fault)
                }
            }
        }
        #expect(rig.wait { parked.count == 50 })
        for responder in parked { responder.respond(text(200, "changed")) }
        #expect(rig.wait { answers.count == 50 })
        #expect(answers.allSatisfy { $0 == "changed" })
        client.closeIdle()
    }
}
