// Feeds the parser of access rules with any bytes: it must answer or refuse, never trap or hang, and a denial that was
// understood must deny.
//
// Build and run from the package's root:
//   swiftc -O -parse-as-library -sanitize=fuzzer,address Sources/Mesh/{Values,Identity,Intentions,Access}/*.swift Fuzz/access-rules/access_rules.swift -o /tmp/fuzz-rules
//   SWIFT_BACKTRACE=enable=no /tmp/fuzz-rules -max_len=2000 -max_total_time=60 Fuzz/access-rules/corpus

/// libFuzzer calls this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAccessRules(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    for dialect in [AccessDialect.exact, .legacyPrefix] {
        guard let rules = try? AccessRules(parsing: text, dialect: dialect) else { continue }
        guard let denial = try? AccessRules(parsing: "service_prefix \"\" { policy = \"deny\" }") else {
            fatalError("the plainest rule is refused")
        }
        var both = rules
        both.join(denial)
        // Joining a denial of everything can only take away.
        for request in [AccessRequest.serviceWrite(""), .serviceRead("web"), .intentionWrite("*")] {
            if both.allows(request) == true, rules.allows(request) != true {
                fatalError("a denial gave a right: \(text)")
            }
        }
    }
    return 0
}
