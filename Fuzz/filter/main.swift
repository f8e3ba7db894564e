// Whatever expression comes, it is read or refused in bounded time and stack, and what is read can be asked.
// Build and run, from the package's folder (the files go into one module, so the import between them is taken out):
//   mkdir -p .build/fuzz-filter && cp Sources/JSON/*.swift Sources/Agent/Filter/*.swift Fuzz/filter/main.swift .build/fuzz-filter
//   sed -i '/^import JSON$/d' .build/fuzz-filter/*.swift
//   swiftc -O -parse-as-library -sanitize=fuzzer,address .build/fuzz-filter/*.swift -o .build/fuzz-filter/run
//   ASAN_OPTIONS=detect_leaks=0 .build/fuzz-filter/run -max_len=512 -timeout=5 Fuzz/filter/corpus
// Leaks are not looked for: what is made once and kept for good would be taken for one.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    let item: Value = ["Service": "web", "Tags": ["a"], "Meta": ["k": "v"], "Port": 80]
    if let filter = try? Filter(text, for: .service) { _ = filter.accepts(item) }
    if let pattern = Pattern(text) { _ = pattern.matches("the quick brown fox") }
    return 0
}
