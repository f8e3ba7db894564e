import TLSProof
import Testing

@testable import TLS

/// Serial: what is looked for is in all memory of the process, and every search reads all of it.
@Suite("Secrets", .serialized)
struct SecretTests {
    /// A secret, flipped, so that looking for it does not find it.
    private func flipped(_ leg: TLSTests.Leg, writing: Bool, key: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 48)
        let count =
            key
            ? proof_flipped_key(leg.session.raw, writing ? 1 : 0, &bytes)
            : proof_flipped_secret(leg.session.raw, writing ? 1 : 0, &bytes)
        return Array(bytes.prefix(count))
    }

    private func places(_ flipped: [UInt8]) -> Int { proof_find_in_memory(flipped, flipped.count) }

    @Test("are nowhere in memory once their session is over", arguments: [false, true], [false, true])
    func gone(resumes: Bool, ends: Bool) throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached, tickets: TicketKeys()))
        var wanted: [[UInt8]] = []
        do {
            let pair = try Pair(client, server, resumption: resumes ? "entry" : nil)
            pair.shake()
            try pair.client.seal([1, 2, 3])
            try pair.server.seal([4, 5, 6])
            try pair.settle()
            #expect(pair.client.isDetached && pair.server.isDetached)
            for writing in [false, true] {
                for key in [false, true] { wanted.append(flipped(pair.client, writing: writing, key: key)) }
            }
            for one in wanted { #expect(places(one) > 0, "the search does not find what is there") }
            // An end in order, or a record that does not decrypt.
            if ends {
                try pair.client.close()
                try pair.server.close()
                try pair.settle()
            } else {
                pair.server.arrived += [23, 3, 3, 0, 20] + [UInt8](repeating: 7, count: 20)
                #expect(throws: TLSFault.self) { try pair.server.open() }
            }
        }
        for (index, one) in wanted.enumerated() { #expect(places(one) == 0, "secret \(index) is still in memory") }
    }

    @Test("and keys that were replaced are nowhere either")
    func replaced() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        try pair.client.seal([1])
        try pair.settle()
        let old = [flipped(pair.client, writing: true, key: false), flipped(pair.client, writing: true, key: true)]
        let kept = flipped(pair.client, writing: false, key: true)
        #expect(pair.client.updateKeys(request: false))
        try pair.client.seal([2])
        try pair.settle()
        #expect(pair.server.plain == [1, 2])
        for one in old { #expect(places(one) == 0, "a replaced secret is still in memory") }
        #expect(places(kept) > 0)
    }

    @Test("of certificates are in one place each, and nowhere once their context has gone", arguments: [false, true])
    func keysOfCertificates(pkcs8: Bool) throws {
        let made = UnsafeMutablePointer<proof_apart>.allocate(capacity: 1)
        made.initialize(to: proof_apart())
        defer { made.deallocate() }
        try #require(proof_make_apart(pkcs8 ? 1 : 0, made) == 0)
        func bytes<T>(_ part: T) -> [UInt8] { withUnsafeBytes(of: part) { [UInt8]($0) } }
        let text = bytes(made.pointee.flipped_text)
        let (number, reversed) = (bytes(made.pointee.flipped_number), bytes(made.pointee.flipped_number_reversed))
        let certificate = Array(bytes(made.pointee.certificate).prefix(made.pointee.certificate_length))
        do {
            let key = UnsafeRawBufferPointer(start: made, count: made.pointee.key_length)
            let identity = TLSIdentity(chain: certificate, key: key)
            proof_forget_key(made)
            let context = try TLSContext(
                role: .client, identity: identity, trust: TLSTrust(roots: certificate), engine: TLSEngine())
            #expect(context.notAfter != nil)
            #expect(places(text) == 1, "a reader of PEM left its text behind")
            #expect(places(number) == 0, "a reader of PEM left the number behind")
            #expect(places(reversed) >= 1, "the search does not find what is there")
        }
        for one in [text, number, reversed] { #expect(places(one) == 0, "a private key is still in memory") }
    }

    /// RFC 8448 section 3: the server's application traffic secret, its key and IV, and its record number 1 of 50 bytes.
    @Test("give the keys and the record that RFC 8448 prints")
    func trace() throws {
        func bytes(_ hex: String) -> [UInt8] {
            let digits = hex.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
            return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        }
        let secret = bytes("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
        let record = bytes(
            """
            17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c
            4bf2e5f0a21c0047c2abf332540dd032e167c2955d
            """)
        for accelerator in [TLSEngine.Accelerator.none, .automatic] {
            let engine = try TLSEngine(accelerator: accelerator)
            var key = [UInt8](repeating: 0, count: 16)
            var iv = [UInt8](repeating: 0, count: 12)
            #expect(proof_derive(engine.raw, secret, &key, &iv) == 0)
            #expect(key == bytes("9f02283b6c9c07efc26bb9f2ac92e356") && iv == bytes("cf782b88dd83549aadf1e984"))
            var sealed = [UInt8](repeating: 0, count: 72)
            let count = proof_seal_under(engine.raw, secret, 1, Array(0..<50), 50, &sealed)
            #expect(Array(sealed.prefix(count)) == record)
        }
    }
}
