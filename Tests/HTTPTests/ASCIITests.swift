import Testing

@testable import HTTP

/// The masks against the grammars' characters, spelled out.
@Suite struct ASCIITests {
    static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    static let digits = "0123456789"

    @Test func tokenCharacters() {
        let expected = Set((Self.letters + Self.digits + "!#$%&'*+-.^_`|~").utf8)
        for byte in UInt8.min...UInt8.max { #expect(ASCII.isToken(byte) == expected.contains(byte), "\(byte)") }
    }

    @Test func registeredNameCharacters() {
        let expected = Set((Self.letters + Self.digits + "-._~!$&'()*+,;=%").utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(ASCII.isRegisteredName(byte) == expected.contains(byte), "\(byte)")
        }
    }

    @Test func hexadecimalDigits() {
        for byte in UInt8.min...UInt8.max {
            let expected =
                UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "F") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            #expect((ASCII.hexadecimal(byte) >= 0) == expected, "\(byte)")
        }
        #expect([UInt8]("09afAF").map(ASCII.hexadecimal) == [0, 9, 10, 15, 10, 15])
    }
}
