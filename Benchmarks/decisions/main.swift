// What one decision about a connection costs, with few and with very many intentions.
//
// Build and run from the package's root:
//   swiftc -O -wmo Sources/Mesh/{Values,Identity,Intentions}/*.swift Benchmarks/decisions/main.swift -o /tmp/decisions && /tmp/decisions
import Glibc

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Nanoseconds for each of `rounds` runs of `body`, the best of five.
func cost(_ rounds: Int, _ body: (Int) -> Bool) -> Double {
    var best = Double.infinity
    for _ in 0..<5 {
        var yes = 0
        let start = nanoseconds()
        for round in 0..<rounds where body(round) { yes += 1 }
        best = min(best, Double(nanoseconds() - start) / Double(rounds))
        precondition(yes <= rounds)
    }
    return best
}

let domain = "531fcb0f-c7aa-8ffb-3539-b58ef692f348.consul"
print("rules      table ns   +reason ns   authorize ns (parse, decide, reason)   frozen set ns   set build ms")
for count in [10, 1_000, 100_000] {
    var table = IntentionTable()
    // Half of the rules name many sources of one destination, half one source of many destinations.
    for number in 0..<count {
        let draft =
            number.isMultiple(of: 2)
            ? IntentionDraft(sourceName: "source-service-\(number)", destinationName: "web", action: "allow")
            : IntentionDraft(sourceName: "web", destinationName: "destination-service-\(number)", action: "deny")
        _ = try! table.create(
            draft, id: UUIDText.make(high: 1, low: UInt64(number)), index: UInt64(number + 1),
            now: Timestamp(nanoseconds: 0))
    }
    let clients = (0..<1_024).map {
        ServiceIdentity(
            trustDomain: domain, datacenter: "dc1", service: "source-service-\($0 * 37 % (count + count / 4))")
    }
    let names = clients.map { IntentionName($0.service) }
    let uris = clients.map(\.description)
    let off = IntentionDefault.accessControlOff
    let decide = cost(200_000) {
        table.decide(source: names[$0 & 1_023], destination: "web", fallback: off).isAllowed
    }
    let reason = cost(50_000) {
        let verdict = table.decide(source: names[$0 & 1_023], destination: "web", fallback: off)
        return !table.reason(for: verdict, fallback: off).isEmpty
    }
    let authorize = cost(50_000) {
        let client = try! IntentionTable.authorizeClient(target: "web", clientURI: uris[$0 & 1_023])
        return table.authorize(client, target: "web", trustDomain: domain, fallback: off).isAuthorized
    }
    let rules = table.match(.destination, IntentionName("web"))
    let start = nanoseconds()
    let set = IntentionSet(destination: "web", rules: rules, trustDomain: domain, fallback: off)
    let build = Double(nanoseconds() - start) / 1e6
    let frozen = cost(200_000) { set.decide(clients[$0 & 1_023])!.isAllowed }
    func column(_ value: Double) -> String { String(Int(value.rounded())) }
    print(
        "\(count)\t   \(column(decide))\t      \(column(reason))\t   \(column(authorize))\t\t\t\t\t  \(column(frozen))\t\t  \(build)"
    )
}
