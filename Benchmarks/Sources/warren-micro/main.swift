import Glibc
import JSON

// Micro-benchmarks in process: `warren-micro [-json] [WORD]` runs those whose name contains WORD.
var words = Array(CommandLine.arguments.dropFirst())
let wantsJSON = words.first == "-json"
if wantsJSON { words.removeFirst() }
if words.count > 1 || words.first?.hasPrefix("-") == true {
    print("Usage: warren-micro [-json] [WORD]")
    exit(1)
}

func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return left ? text + space : space + text
}

func fixed(_ number: Double, _ digits: Int) -> String {
    let factor = (0..<digits).reduce(1.0) { factor, _ in factor * 10 }
    let whole = Int64((number * factor).rounded())
    guard digits > 0 else { return "\(whole)" }
    let fraction = "\(whole % Int64(factor))"
    return "\(whole / Int64(factor))." + String(repeating: "0", count: digits - fraction.count) + fraction
}

var suite = Suite(filter: words.first ?? "") { found in
    guard !wantsJSON else { return }
    let rate = found.bytes > 0 ? fixed(Double(found.bytes) / found.nanoseconds, 2) + " GB/s" : ""
    print(
        padded(found.name, 56, left: true) + padded(fixed(found.nanoseconds, 1), 14) + " ns"
            + padded("(\(fixed(found.least, 1))–\(fixed(found.most, 1)))", 26)
            + padded(fixed(found.allocations, 2), 10) + " allocations" + padded(rate, 14))
}
do {
    try suite.reactor()
    try suite.relay()
    try suite.tls()
    try suite.control()
} catch {
    print("warren-micro: \(error)")
    exit(1)
}
if suite.measurements.isEmpty {
    print("warren-micro: no benchmark's name contains \"\(words.first ?? "")\"")
    exit(1)
}
if wantsJSON { print(Value.array(suite.measurements.map(\.json)).text(.pretty)) }
