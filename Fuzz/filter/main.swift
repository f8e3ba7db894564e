// Whatever expression comes, it is read or refused in bounded time and stack, and what is read can be asked.
// Leaks are not looked for: what is made once and kept for good would be taken for one.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    let item: Value = ["Service": "web", "Tags": ["a"], "Meta": ["k": "v"], "Port": 80]
    if let filter = try? Filter(text, for: .service) { _ = filter.accepts(item) }
    if let pattern = Pattern(text) { _ = pattern.matches("the quick brown fox") }
    return 0
}
