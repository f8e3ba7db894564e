import Gzip
import HTTP
import Kernel
import Reactor
import Testing

@testable import HTTPTransport

/// The server with other people's clients, the client with another one's server.
@Suite(.serialized) struct InteropTests {
    static let hasCurl = Tool.exists("curl")
    static let hasPython = Tool.exists("python3")

    private func rig() throws -> Rig {
        let encoder = GzipEncoder()
        return try Rig(compress: { encoder.compressed($0) }) { request, responder in
            let vary = HeaderField("Vary", "Accept-Encoding")
            switch request.rawPath {
            case "/json":
                let rows = (0..<200).map { "{\"Node\": \"node\($0)\"}" }.joined(separator: ",")
                responder.respond(text(200, "[\(rows)]", [vary]))
            case "/small": responder.respond(text(200, "[]", [vary]))
            case "/plain": responder.respond(text(200, String(repeating: "x", count: 5000)))
            case "/stream":
                let stream = responder.stream(text(200, ""))
                for line in 1...3 { stream.write(Array("line \(line)\n".utf8)) }
                stream.end()
            case "/none": responder.respond(Response(status: 204))
            default:
                let body = String(decoding: request.body, as: UTF8.self)
                responder.respond(text(200, "\(request.method) \(request.target) [\(body.utf8.count)]"))
            }
        }
    }

    @Test(.enabled(if: hasCurl)) func curl() throws {
        let rig = try rig()
        let folder = try TemporaryFolder()
        _ = Tool.shell("echo hello > \(folder.path)/hello")
        let url = "http://\(rig.address)"
        func curl(_ arguments: String) throws -> String {
            let result = try Tool.shell("curl -sS -m 10 \(arguments)", turning: rig)
            #expect(result.status == 0, "curl \(arguments): \(result.output)")
            return result.output
        }
        #expect(try curl("\(url)/a?b=c") == "GET /a?b=c [0]")
        #expect(try curl("-X PUT -d '{}' \(url)/put") == "PUT /put [2]")
        #expect(try curl("-T - \(url)/chunked < \(folder.path)/hello") == "PUT /chunked [6]")
        #expect(try curl("--http1.0 \(url)/old") == "GET /old [0]")
        #expect(try curl("-I \(url)/head").hasPrefix("HTTP/1.1 200 OK"))
        #expect(try curl("-N \(url)/stream") == "line 1\nline 2\nline 3\n")
        #expect(try curl("--http1.0 -N \(url)/stream") == "line 1\nline 2\nline 3\n")
        #expect(try curl("-o /dev/null -w '%{http_code}' \(url)/none") == "204")
        #expect(try curl("\(url)/1 \(url)/2 \(url)/3 -w '%{num_connects}'") == "GET /1 [0]1GET /2 [0]0GET /3 [0]0")
        let big = try curl("-X POST -H 'Expect: 100-continue' --data-binary @- \(url)/big < /bin/sh")
        #expect(big.hasPrefix("POST /big ["))
        #expect(big != "POST /big [0]")
        // curl undoes the gzip that it asked for; the size on the wire tells that there was one.
        let plain = try curl("\(url)/json")
        #expect(try curl("--compressed \(url)/json") == plain)
        let packed = try curl("--compressed -o /dev/null -w '%{size_download}' \(url)/json")
        #expect(Int(packed) ?? .max < plain.utf8.count / 4)
        #expect(try curl("--compressed -D - -o /dev/null \(url)/json").contains("Content-Encoding: gzip\r\n"))
        #expect(try !curl("--compressed -D - -o /dev/null \(url)/small").contains("Content-Encoding"))
        #expect(try !curl("--compressed -D - -o /dev/null \(url)/plain").contains("Content-Encoding"))
        #expect(try !curl("-H 'Accept-Encoding: gzip;q=0' -D - -o /dev/null \(url)/json").contains("Content-Encoding"))
    }

    @Test(.enabled(if: hasCurl)) func curlOverAUnixSocket() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/http.sock"
        let rig = try Rig(unixPath: path) { request, responder in responder.respond(text(200, request.target)) }
        let result = try Tool.shell("curl -sS -m 10 --unix-socket \(path) http://localhost/over/unix", turning: rig)
        #expect(result.output == "/over/unix")
    }

    @Test(.enabled(if: hasPython)) func pythonsClient() throws {
        let rig = try rig()
        let program = """
            import http.client
            c = http.client.HTTPConnection("127.0.0.1", \(rig.address.port), timeout=10)
            for i in range(3):
                c.request("GET", "/%d" % i)
                print(c.getresponse().read().decode())
            c.request("PUT", "/p", body=b"x" * 100000)
            print(c.getresponse().read().decode())
            c.request("POST", "/c", body=iter([b"ab", b"cde"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            print(c.getresponse().read().decode())
            c.request("GET", "/stream")
            r = c.getresponse()
            print(r.getheader("Transfer-Encoding"), r.read())
            c.request("HEAD", "/h")
            r = c.getresponse()
            print(r.status, r.read())
            """
        let result = try Tool.shell("python3 - <<'END'\n\(program)\nEND", turning: rig)
        #expect(
            result.output == """
                GET /0 [0]
                GET /1 [0]
                GET /2 [0]
                PUT /p [100000]
                POST /c [5]
                chunked b'line 1\\nline 2\\nline 3\\n'
                200 b''

                """)
        #expect(rig.server.counters.accepted == 1)
    }

    /// Our client against Python's server, keep-alive and not.
    @Test(.enabled(if: hasPython), arguments: ["HTTP/1.1", "HTTP/1.0"])
    func pythonsServer(_ version: String) throws {
        let folder = try TemporaryFolder()
        let program = """
            import http.server, sys
            class H(http.server.BaseHTTPRequestHandler):
                protocol_version = "\(version)"
                def answer(self):
                    n = int(self.headers.get("Content-Length") or 0)
                    body = ("%s %s %d" % (self.command, self.path, len(self.rfile.read(n)))).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                do_GET = do_PUT = answer
                def log_message(self, *a): pass
            s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
            open("\(folder.path)/port.new", "w").write(str(s.server_port))
            import os
            os.rename("\(folder.path)/port.new", "\(folder.path)/port")
            import threading
            threading.Timer(20, lambda: os._exit(0)).start()
            while not os.path.exists("\(folder.path)/stop"): s.timeout = 0.2; s.handle_request()
            os._exit(0)
            """
        let loop = try ControlLoop()
        let client = Client(on: loop)
        try Thread.start(name: "python") { _ = Tool.shell("python3 - <<'END'\n\(program)\nEND") }
        var port: UInt16?
        turn(loop, .seconds(10)) {
            port = UInt16(Tool.shell("cat \(folder.path)/port").output)
            return port != nil
        }
        let server = EndpointName.address(SocketAddress(ipv4: (127, 0, 0, 1), port: try #require(port)))
        for (method, size) in [("GET", 0), ("PUT", 100_000), ("GET", 0)] {
            var result: Result<Response, ClientFault>?
            client.send(
                Request(method: method, target: "/x", body: [UInt8](repeating: 1, count: size)), to: server,
                timeout: .seconds(10)
            ) { result = $0 }
            turn(loop, .seconds(10)) { result != nil }
            let response = try #require(result).get()
            #expect(String(decoding: response.body, as: UTF8.self) == "\(method) /x \(size)")
            #expect(response.keepsAlive == (version == "HTTP/1.1"))
        }
        #expect(client.idleConnections == (version == "HTTP/1.1" ? 1 : 0))
        client.closeIdle()
        _ = Tool.shell("touch \(folder.path)/stop; sleep 0.5")
    }
}
