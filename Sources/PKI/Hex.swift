/// Lower-case hexadecimal, two digits a byte with colons between, as Consul writes serials, key ids and fingerprints:
/// "0a:1b:2c". Empty for no bytes.
public func colonHex(_ bytes: some Collection<UInt8>) -> String {
    let digits: StaticString = "0123456789abcdef"
    guard !bytes.isEmpty else { return "" }
    return String(unsafeUninitializedCapacity: bytes.count * 3 - 1) { text in
        var at = 0
        for byte in bytes {
            if at > 0 {
                text[at] = UInt8(ascii: ":")
                at += 1
            }
            text[at] = digits.utf8Start[Int(byte >> 4)]
            text[at + 1] = digits.utf8Start[Int(byte & 15)]
            at += 2
        }
        return at
    }
}
