import Glibc
import PKI
import Testing

/// What is made is given back.
@Suite(.serialized) struct LeakTests {
    /// 20,000 rounds of making, parsing, verifying and freeing.
    @Test func twentyThousandRoundsStayTheSameSize() throws {
        let root = try Forge.root("root")
        let leafKey = try PrivateKey.generate()
        let leaf = try Forge.leaf("web", by: root, key: leafKey)
        let pem = try leaf.pem() + root.certificate.pem()
        let keyPEM = try leafKey.unwipedPEM()
        let listPEM = try root.revocationList(
            [.init(serial: SerialNumber(9), at: Forge.noon)], number: 1, validity: Forge.day
        ).pem()
        let requestPEM = try CertificateRequest(key: leafKey, uriNames: ["spiffe://a/b"]).pem()
        let broken = pem.replacing("MII", with: "MIJ")

        func round(_ number: Int) throws {
            let chain = try Certificate.bundle(pem: pem, source: "chain")
            let key = try PrivateKey(pem: keyPEM, source: "key")
            #expect(chain[0].belongs(to: key))
            let lists = try RevocationList.bundle(pem: listPEM, source: "list")
            let request = try CertificateRequest(pem: requestPEM, source: "request")
            _ = try? Certificate.bundle(pem: broken, source: "broken")
            // The dear operations, signing above all, on every tenth round.
            guard number % 10 == 0 else { return }
            let bundle = try TrustBundle(roots: [chain[1]], revocationLists: lists)
            #expect(bundle.verify([chain[0]], at: Forge.noon, purpose: .any).isValid)
            #expect(!bundle.verify([chain[0]], at: 0, purpose: .any).isValid)
            let issued = try root.sign(
                request, as: .leaf(commonName: "web", serial: SerialNumber(7), validity: Forge.day))
            _ = try root.crossSign(chain[1], serial: SerialNumber(8), validity: Forge.day)
            _ = try issued.der()
        }
        // Other tests run beside this one and come and go; a leak of ours shows in every window alike, so the quietest ones
        // tell, but for two in which somebody else may have given memory back.
        var growth: [Int] = []
        for window in 0..<10 {
            let before = residentKilobytes()
            for number in 0..<2000 { try round(window * 2000 + number) }
            growth.append(residentKilobytes() - before)
        }
        // The smallest thing that could be lost in a round, a name's text of some 50 bytes, would be 100 KB a window.
        let quiet = growth.sorted()[2]
        #expect(quiet < 64, "KB a window: \(growth)")
    }

    /// The resident set of this process in KB (proc(5), statm).
    private func residentKilobytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return Int(text.split(separator: " ")[1])! * sysconf(Int32(_SC_PAGESIZE)) / 1024
    }
}
