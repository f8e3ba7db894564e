// What parsing and writing one small message costs: nanoseconds and allocations.
//
// Build and run from the package's root:
//   clang -O2 -c Benchmarks/http/allocations.c -o /tmp/allocations.o && swiftc -O -wmo Sources/HTTP/*.swift \
//       Benchmarks/http/main.swift /tmp/allocations.o -o /tmp/http-cost && /tmp/http-cost
import Glibc

@_silgen_name("warren_allocations")
func allocations() -> UInt

/// CPU time, so that what else the machine does does not count.
func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Prints the best of nine runs of `rounds` times `body`, and the allocations of one.
func measure(_ name: String, bytes: Int, rounds: Int = 200_000, _ body: () -> Int) {
    var best = Double.infinity
    var sum = 0
    for _ in 0..<9 {
        let start = nanoseconds()
        for _ in 0..<rounds { sum &+= body() }
        best = min(best, Double(nanoseconds() - start) / Double(rounds))
    }
    let before = allocations()
    for _ in 0..<1000 { sum &+= body() }
    let each = Double(allocations() - before) / 1000
    precondition(sum != 1)
    func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
    print(
        name + String(repeating: " ", count: max(0, 44 - name.utf8.count)) + padded("\(bytes)", 7)
            + padded("\(Int(best.rounded()))", 8) + padded("\((each * 100).rounded() / 100)", 8))
}

let small = Array("GET /v1/agent/self HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
let curl = Array(
    "GET /v1/health/service/web?passing=1&index=118&wait=60s HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
        .utf8)
let browser = Array(
    ("GET /v1/catalog/services HTTP/1.1\r\nHost: consul.example.internal:8500\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: application/json, text/plain, */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nX-Consul-Token: 2f6b6d2e-5d0c-4a38-a9c0-7f1d0f2f9a11\r\nConnection: keep-alive\r\nReferer: http://consul.example.internal:8500/ui/\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n\r\n")
        .utf8)
let answer = Array(
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Accept-Encoding\r\nX-Consul-Index: 118\r\nX-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 14\r\n\r\n[\n    \"dc1\"\n]\n"
        .utf8)
var chunked = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
for _ in 0..<64 { chunked += Array("1000\r\n".utf8) + [UInt8](repeating: 97, count: 4096) + Array("\r\n".utf8) }
chunked += Array("0\r\n\r\n".utf8)

print("message" + String(repeating: " ", count: 37) + "  bytes      ns  allocs")
for (name, wire) in [
    ("GET, smallest", small), ("GET, as curl sends it", curl), ("GET, as a browser sends it", browser),
] {
    var parser = RequestParser()
    measure("parse \(name)", bytes: wire.count) {
        wire.withUnsafeBytes { bytes in
            var at = 0
            while true {
                switch try! parser.next(bytes, &at) {
                case .head(let head): if head.method.isEmpty { return 0 }
                case .end: return at
                case .needsMore, .body: return 0
                }
            }
        }
    }
}
do {
    var parser = RequestParser()
    measure("parse GET, as curl sends it, cut in two", bytes: curl.count) {
        curl.withUnsafeBytes { bytes in
            var at = 0
            _ = try! parser.next(UnsafeRawBufferPointer(rebasing: bytes[..<70]), &at)
            while true {
                switch try! parser.next(bytes, &at) {
                case .head(let head): if head.method.isEmpty { return 0 }
                case .end: return at
                case .needsMore, .body: return 0
                }
            }
        }
    }
}
for (name, wire) in [("response of an agent", answer), ("response of 64 chunks of 4 KiB", chunked)] {
    var parser = ResponseParser()
    measure("parse \(name)", bytes: wire.count, rounds: 50_000) {
        wire.withUnsafeBytes { bytes in
            var at = 0
            var size = 0
            while true {
                switch try! parser.next(bytes, &at) {
                case .body(let range): size += range.count
                case .end: return size
                case .needsMore, .head, .interim: if at >= bytes.count { return 0 }
                }
            }
        }
    }
}
do {
    let response = Response(
        status: 200,
        headers: HeaderFields([
            HeaderField("Content-Type", "application/json"), HeaderField("Vary", "Accept-Encoding"),
            HeaderField("X-Consul-Index", "118"), HeaderField("X-Consul-Knownleader", "true"),
            HeaderField("X-Consul-Lastcontact", "0"),
        ]), body: Array("[\n    \"dc1\"\n]\n".utf8))
    let context = ReplyContext()
    let date = HTTPDate.text(unixSeconds: 784_111_777)
    var bytes: [UInt8] = []
    measure("write response of an agent", bytes: answer.count) {
        bytes.removeAll(keepingCapacity: true)
        _ = try! ResponseWriter.write(response, to: context, date: date, into: &bytes)
        return bytes.count
    }
}
