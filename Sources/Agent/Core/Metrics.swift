import JSON
import Mesh

/// Counters of the API and gauges of the state, in the two forms `/v1/agent/metrics` has.
struct Metrics {
    /// Requests by method and route.
    private var requests: [Key: Int] = [:]

    private struct Key: Hashable {
        let method: String
        let path: String
    }

    mutating func countRequest(method: String, path: String) {
        requests[Key(method: method, path: path), default: 0] += 1
    }

    private func gauges(_ core: AgentCore) -> [(name: String, value: Int)] {
        let prefix = core.configuration.metricsPrefix
        return [
            ("\(prefix).catalog.index", Int(clamping: core.index)),
            ("\(prefix).http.blocked_queries", core.waiting),
            ("\(prefix).agent.checks", core.local.checks.count),
            ("\(prefix).agent.checks_critical", core.local.checks.values.count { $0.status == .critical }),
            ("\(prefix).agent.services", core.local.services.count),
            ("\(prefix).agent.sidecars", core.local.sidecars.count),
        ]
    }

    func json(_ core: AgentCore, now: Now) -> Value {
        let gauges = gauges(core).map { gauge -> Value in
            ["Name": .string(gauge.name), "Value": .number(gauge.value), "Labels": [:]]
        }
        let counters = sorted.map { key, count -> Value in
            [
                "Name": .string("\(core.configuration.metricsPrefix).api.http"), "Count": .number(count),
                "Rate": .double(0), "Sum": .number(count), "Min": 1, "Max": 1, "Mean": 1, "Stddev": 0,
                "Labels": ["method": .string(key.method), "path": .string(key.path)],
            ]
        }
        return [
            "Timestamp": .string(goTime(now.wall)), "Gauges": .array(gauges), "Points": [],
            "Counters": .array(counters), "Samples": [],
        ]
    }

    func prometheus(_ core: AgentCore) -> String {
        func plain(_ name: String) -> String { String(name.map { $0 == "." || $0 == "-" ? "_" : $0 }) }
        var text = ""
        for gauge in gauges(core) {
            text += "# TYPE \(plain(gauge.name)) gauge\n\(plain(gauge.name)) \(gauge.value)\n"
        }
        let name = plain(core.configuration.metricsPrefix) + "_api_http_requests_total"
        text += "# TYPE \(name) counter\n"
        for (key, count) in sorted {
            text += "\(name){method=\"\(key.method)\",path=\"\(key.path)\"} \(count)\n"
        }
        return text
    }

    private var sorted: [(Key, Int)] {
        requests.sorted { ($0.key.path, $0.key.method) < ($1.key.path, $1.key.method) }.map { ($0.key, $0.value) }
    }

    /// "2026-11-23 02:03:10 +0000 UTC", as Go prints a time.
    private func goTime(_ wall: Int64) -> String {
        let text = Timestamp(nanoseconds: wall / 1_000_000_000 * 1_000_000_000).description
        return text.replacing("T", with: " ").replacing("Z", with: "") + " +0000 UTC"
    }
}
