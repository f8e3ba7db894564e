import Glibc
import Kernel
import Reactor
import WarrenConnect

// A service with no sidecar: answers every HTTP request with what another service of the mesh answers to GET /.
//
//     curl -> sidecar ==mTLS== native ==mTLS== sidecar -> hello

Signals.block()

func say(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}

/// What the other service answers, or the reason why it does not.
func ask(_ service: ConnectService, _ other: String) -> String {
    do {
        let stream = try service.dial(other, timeout: .seconds(3))
        try stream.write(Array("GET / HTTP/1.1\r\nHost: \(other)\r\nConnection: close\r\n\r\n".utf8))
        let answer = try stream.readToEnd()
        let end = answer.indices.first { answer[$0...].starts(with: "\r\n\r\n".utf8) }
        return end.map { String(decoding: answer[($0 + 4)...], as: UTF8.self) }
            ?? "make request failed: the connection was cut\n"
    } catch {
        return "make request failed: \(error)\n"
    }
}

/// Reads one request's head, answers, and ends the connection.
func answer(_ stream: borrowing ConnectStream, _ service: ConnectService, _ other: String) throws(Errno) {
    var head: [UInt8] = []
    while head.count < 4 || !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
        let piece = try stream.read(upTo: 4096)
        if piece.isEmpty || head.count > 16 << 10 { return }
        head += piece
    }
    let text = "\(other) says: \(ask(service, other))"
    try stream.write(
        Array("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)".utf8))
    stream.finishWriting()
    _ = try stream.readToEnd()
}

let words = Array(CommandLine.arguments.dropFirst())
guard words.count == 4 else {
    say("Usage: native NAME LISTEN-ADDRESS AGENT-ADDRESS OTHER-SERVICE\n")
    exit(1)
}
do {
    guard case .address(let address) = try EndpointName(parsing: words[1]) else {
        say("native: \(words[1]): want an IP address and a port, not a name\n")
        exit(1)
    }
    let service = try ConnectService(name: words[0], agent: try EndpointName(parsing: words[2]))
    try service.listen(on: address) { stream in
        do throws(Errno) {
            try answer(stream, service, words[3])
        } catch {
            say("native: \(error)\n")
        }
    }
    say("native: listening on \(address)\n")
    let loop = try ControlLoop()
    try loop.onSignals { signal in
        if signal == SIGINT || signal == SIGTERM { loop.stop() }
    }
    loop.run()
    service.close()
} catch {
    say("native: \(error)\n")
    exit(1)
}
