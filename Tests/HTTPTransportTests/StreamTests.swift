import HTTP
import Kernel
import Testing

@testable import HTTPTransport

/// Answers whose body comes piece by piece.
@Suite struct StreamTests {
    private final class Holder {
        var stream: ResponseStream?
        var cancelled = 0
        var drained = 0
    }

    private func rig(_ holder: Holder, _ options: ServerOptions = ServerOptions()) throws -> Rig {
        try Rig(options) { _, responder in
            let stream = responder.stream(text(200, "", [HeaderField("Content-Type", "text/plain")]))
            stream.onCancel { holder.cancelled += 1 }
            stream.onDrain { holder.drained += 1 }
            holder.stream = stream
        }
    }

    private let get = "GET /v1/agent/monitor HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func piecesArriveAsTheyAreWritten() throws {
        let holder = Holder()
        let rig = try rig(holder)
        let client = try rig.client()
        client.send(get)
        #expect(client.expect { $0.hasSuffix("Transfer-Encoding: chunked\r\n\r\n") })
        client.forget()
        #expect(holder.stream?.write(Array("line 1\n".utf8)) == true)
        #expect(client.expect { $0 == "7\r\nline 1\n\r\n" })
        rig.pass(.milliseconds(50))
        holder.stream?.write([])
        holder.stream?.write(Array("2\n".utf8))
        #expect(client.expect { $0 == "7\r\nline 1\n\r\n2\r\n2\n\r\n" })
        holder.stream?.end()
        holder.stream = nil
        #expect(client.expect { $0.hasSuffix("0\r\n\r\n") })
        // The connection goes on.
        client.forget()
        client.send(get)
        #expect(client.expect { $0.hasPrefix("HTTP/1.1 200 OK\r\n") })
        holder.stream?.end()
    }

    @Test func anOldClientGetsItUpToTheEnd() throws {
        let holder = Holder()
        let rig = try rig(holder)
        let client = try rig.client()
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(rig.wait { holder.stream != nil })
        holder.stream?.write(Array("a".utf8))
        holder.stream?.write(Array("b".utf8))
        holder.stream?.end()
        #expect(client.expectEnd())
        #expect(client.text.hasSuffix("Connection: close\r\n\r\nab"))
    }

    @Test func aClientThatGoesIsTold() throws {
        let holder = Holder()
        let rig = try rig(holder)
        let client = try rig.client()
        client.send(get)
        #expect(rig.wait { holder.stream != nil })
        client.close()
        #expect(rig.wait { holder.cancelled == 1 })
        #expect(holder.stream?.isWanted == false)
        #expect(holder.stream?.write([1]) == false)
    }

    @Test func aDroppedStreamIsSeenAsTruncated() throws {
        let holder = Holder()
        let rig = try rig(holder)
        let client = try rig.client()
        client.send(get)
        #expect(rig.wait { holder.stream != nil })
        holder.stream?.write([1])
        holder.stream = nil
        #expect(client.expectEnd())
        #expect(!client.text.contains("0\r\n\r\n"))
        #expect(holder.cancelled == 0)
    }

    @Test func aFullStreamSaysSoAndDrains() throws {
        var options = ServerOptions()
        options.outputBytesHigh = 100_000
        options.outputBytesMax = 100_000_000
        let holder = Holder()
        let rig = try rig(holder, options)
        let client = try rig.client()
        client.readsNothing = true
        client.send(get)
        #expect(rig.wait { holder.stream != nil })
        let piece = [UInt8](repeating: 97, count: 10_000)
        var written = 0
        while holder.stream!.write(piece), written < 5000 { written += 1 }
        #expect(written > 5, "full at once")
        #expect(written < 5000, "never full")
        #expect(holder.stream!.unsentBytes > 100_000)
        let before = holder.drained
        client.readsNothing = false
        client.receive()
        #expect(rig.wait { holder.drained > before })
        #expect(holder.stream!.unsentBytes == 0)
        holder.stream?.end()
        #expect(client.expect { $0.hasSuffix("0\r\n\r\n") })
        #expect(client.received.count { $0 == 97 } >= (written + 1) * 10_000)
    }

    @Test func aClientThatTakesNothingIsGivenUp() throws {
        var options = ServerOptions()
        options.outputBytesMax = 1_000_000
        let holder = Holder()
        let rig = try rig(holder, options)
        let client = try rig.client()
        client.readsNothing = true
        client.send(get)
        #expect(rig.wait { holder.stream != nil })
        let piece = [UInt8](repeating: 97, count: 100_000)
        for _ in 0..<1000 where holder.cancelled == 0 { holder.stream?.write(piece) }
        #expect(holder.cancelled == 1)
        #expect(rig.server.openConnections == 0)
    }
}
