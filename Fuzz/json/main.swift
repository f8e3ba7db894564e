// Whatever bytes come, the parser ends in a value or an error, and a value reads back as what it was.
// Build and run: swiftc -O -parse-as-library -sanitize=fuzzer,address Sources/JSON/*.swift Fuzz/json/main.swift -o fuzz-json
// && ./fuzz-json -max_len=4096 Fuzz/json/corpus

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: bytes, count: count))
    for limits in [Limits(), Limits(bytes: 512, depth: 8, duplicates: .refused)] {
        guard let value = try? Value(parsing: text, limits: limits) else { continue }
        let compact = value.bytes()
        guard let again = try? Value(parsing: compact, limits: Limits(depth: 256)) else {
            fatalError("wrote what cannot be read: \(String(decoding: compact, as: UTF8.self))")
        }
        precondition(again.bytes() == compact, "writes the same value in two ways")
        guard let pretty = try? Value(parsing: value.bytes(.pretty), limits: Limits(depth: 256)) else {
            fatalError("wrote a pretty text that cannot be read")
        }
        precondition(pretty.bytes() == compact, "pretty and compact differ")
    }
    return 0
}
