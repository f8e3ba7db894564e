// Feeds the SPIFFE parsers with any bytes: whatever parses must print to a text that parses to the same identity
// (unless escaping makes it longer than a SPIFFE id may be).
//
// Build and run from the package's root:
//   swiftc -O -parse-as-library -sanitize=fuzzer,address Sources/Mesh/{Values,Identity}/*.swift Fuzz/spiffe/spiffe.swift -o /tmp/fuzz-spiffe
//   SWIFT_BACKTRACE=enable=no /tmp/fuzz-spiffe -max_len=300 -max_total_time=60 Fuzz/spiffe/corpus

/// libFuzzer calls this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSPIFFE(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    if let identity = try? ConsulIdentity(parsing: text), identity.description.utf8.count <= 2048 {
        guard let again = try? ConsulIdentity(parsing: identity.description), again == identity else {
            fatalError("does not survive printing: \(text)")
        }
        precondition(identity.description == again.description)
    }
    if let identity = try? GenericIdentity(parsing: text), identity.description.utf8.count <= 2048 {
        guard let again = try? GenericIdentity(parsing: identity.description), again == identity else {
            fatalError("does not survive printing: \(text)")
        }
    }
    return 0
}
