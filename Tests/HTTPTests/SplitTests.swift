import Testing

@testable import HTTP

/// Where the network cuts the bytes must never matter.
@Suite struct SplitTests {
    static let requests: [String] = [
        "GET /v1/health/service/web?index=12&wait=10s HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
        "PUT /v1/agent/service/register HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n{\"Name\": \"web\"}\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "\r\nPOST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;e=\"q\\\"\"\r\nhello\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nX-T: 1\r\n\r\n\r\nOPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
        "GET http://a:1/x?y HTTP/1.0\r\nConnection: keep-alive\r\nX-Ünï: no\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Text: grüße\r\n\r\nBREW /pot HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\n!\u{16}",
    ]
    static let responses: [String] = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: 118\r\nContent-Length: 14\r\n\r\n[\n    \"dc1\"\n]\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nline\r\n6\r\n\nline2\r\n0\r\nX-T: a\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\neverything else",
    ]

    @Test(arguments: requests)
    func everyCutOfRequests(_ wire: String) {
        let bytes = [UInt8](wire)
        let whole = readRequests(bytes)
        for cut in 1..<bytes.count { #expect(readRequests(bytes, cuts: [cut]) == whole, "cut at \(cut)") }
        #expect(readRequests(bytes, cuts: Array(1..<bytes.count)) == whole, "byte by byte")
    }

    @Test(arguments: responses)
    func everyCutOfResponses(_ wire: String) {
        let bytes = [UInt8](wire)
        let whole = readResponses(bytes)
        #expect(whole.fault == nil)
        for cut in 1..<bytes.count { #expect(readResponses(bytes, cuts: [cut]) == whole, "cut at \(cut)") }
        #expect(readResponses(bytes, cuts: Array(1..<bytes.count)) == whole, "byte by byte")
    }

    /// Transcripts joined, damaged in a few bytes and cut in many places: whatever comes out, it comes out of every
    /// cutting alike.
    @Test func damagedTranscriptsReadAlikeHoweverCut() {
        let seed = UInt64.random(in: .min ... .max)
        var random = Seeded(seed)
        let limits = ParserLimits(
            startLineBytes: 80, headBytes: 300, fields: 6, bodyBytes: 100, chunkExtensionBytes: 20)
        let interesting: [UInt8] = [0, 9, 10, 13, 32, 34, 44, 48, 58, 59, 65, 97, 127, 255]
        for round in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes += [UInt8]((round & 1 == 0 ? Self.requests : Self.responses).randomElement(using: &random)!)
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = interesting.randomElement(using: &random)!
                case 1: bytes.remove(at: place)
                default: bytes.insert(interesting.randomElement(using: &random)!, at: place)
                }
            }
            var cuts = Set<Int>()
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                cuts.insert(Int.random(in: 0...bytes.count, using: &random))
            }
            if round & 1 == 0 {
                #expect(
                    readRequests(bytes, cuts: cuts.sorted(), limits: limits) == readRequests(bytes, limits: limits),
                    "seed \(seed), round \(round)")
            } else {
                #expect(
                    readResponses(bytes, cuts: cuts.sorted(), limits: limits) == readResponses(bytes, limits: limits),
                    "seed \(seed), round \(round)")
            }
        }
    }
}
