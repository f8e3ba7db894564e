/// Writes requests as bytes (RFC 9112, section 3). Framing is made from the body; `Content-Length`,
/// `Transfer-Encoding`, `Connection` and `Keep-Alive` in the request's own fields are not taken over.
public enum RequestWriter {
    /// Appends a whole request in HTTP/1.1. `host` ("127.0.0.1:8500") is written unless the fields have a `Host`.
    /// With `keepsAlive` false in the request the server is asked to close behind its response.
    public static func write(_ request: Request, host: String, into bytes: inout [UInt8]) throws(WriteFault) {
        bytes.reserveCapacity(bytes.count + 256 + request.body.count)
        try appendHead(request, host: host, into: &bytes)
        if !request.body.isEmpty || expectsBody(request.method) {
            bytes.append("Content-Length: ")
            bytes.append(decimal: request.body.count)
            bytes.append("\r\n")
        }
        bytes.append("\r\n")
        bytes.append(contentsOf: request.body)
    }

    /// Appends the head of a request whose body comes later in chunks (`ChunkWriter`); `request.body` is not looked at.
    public static func begin(_ request: Request, host: String, into bytes: inout [UInt8]) throws(WriteFault) {
        try appendHead(request, host: host, into: &bytes)
        bytes.append("Transfer-Encoding: chunked\r\n\r\n")
    }

    /// Methods whose empty body is told by a length of 0 (RFC 9110, section 8.6).
    private static func expectsBody(_ method: String) -> Bool {
        method == "PUT" || method == "POST" || method == "PATCH"
    }

    private static func appendHead(_ request: Request, host: String, into bytes: inout [UInt8]) throws(WriteFault) {
        guard Writable.isToken(request.method) else { throw .method }
        guard !request.target.isEmpty, request.target.utf8.allSatisfy(isTarget) else { throw .target }
        try Writable.check(request.headers)
        guard host.utf8.allSatisfy({ $0 > ASCII.space && $0 < 0x7f }) else { throw .field(name: "Host") }
        bytes.append(text: request.method)
        bytes.append(" ")
        bytes.append(text: request.target)
        bytes.append(" HTTP/1.1\r\n")
        if request.headers["Host"] == nil { bytes.append(name: "Host", value: host) }
        bytes.append(fields: request.headers, except: Writable.isFraming)
        if request.upgrades {
            bytes.append("Connection: upgrade\r\n")
        } else if !request.keepsAlive {
            bytes.append("Connection: close\r\n")
        }
    }

    private static func isTarget(_ byte: UInt8) -> Bool {
        byte > ASCII.space && byte < 0x7f && byte != UInt8(ascii: "#")
    }
}
