import Glibc

/// The recorded certificates of real Consul agents: 1.2.0 and 1.9.17, each with a root, a leaf of "service1" and its key, and
/// what a rotation left: the new root, the new root signed by the old one, and the leaf's bundle after it.
enum Fixture {
    /// The path of the file `name` in the folder of fixtures.
    static func path(_ name: String) -> String {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return tests.joined(separator: "/") + "/Fixtures/PKI/" + name
    }

    /// The text of the file `name`.
    static func text(_ name: String) -> String {
        guard let file = fopen(path(name), "r") else { fatalError("no fixture \(name)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = getc(file), byte != EOF { bytes.append(UInt8(byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
