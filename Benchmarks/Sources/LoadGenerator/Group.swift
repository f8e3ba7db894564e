import JSON
import Kernel
import Reactor

/// A running group: its connections and what they have done.
final class Group {
    let plan: GroupPlan
    /// What a connection sends first, and again for each request.
    let request: [UInt8]
    let requestBytes: UnsafeRawBufferPointer
    /// How every answer begins.
    let expectedHead: [UInt8]
    /// Connections whose first answer has come, during set-up.
    var established = 0
    /// Kept connections without a request.
    var free: [SlotID] = []
    /// Connections of `connect` that are open.
    var inFlight = 0
    /// Open loop: requests planned so far since `scheduleStart`, and in total.
    var scheduleStart: Instant = 0
    var plannedCount: UInt64 = 0

    /// When the allowances of slow readers were last filled up.
    var refilledAt: Instant = 0

    /// Done since the generator began, for counts that are taken from outside (strace).
    var totalDone: UInt64 = 0
    /// Done within the window.
    var done: UInt64 = 0
    var latency = Latency()
    /// How late the generator itself was: from the planned time to the sending, where a connection was free.
    var lag = Latency()
    var failures: [String: UInt64] = [:]
    var failureTimes: [(at: Instant, planned: Instant, reason: String)] = []
    /// Answers slower than this are listed, so that a gap in service can be dated.
    static let slow: Nanoseconds = .milliseconds(100)
    var slowest: [(planned: Instant, latency: Nanoseconds)] = []
    /// Requests of the window that were never sent, or not answered when patience ended.
    var unsent: UInt64 = 0
    var unanswered: UInt64 = 0

    /// Bulk: bytes of each member before the window began, and in it.
    var base: [(sent: UInt64, received: UInt64)]
    var moved: [(sent: UInt64, received: UInt64)]

    init(_ plan: GroupPlan) {
        self.plan = plan
        expectedHead = Answers.head(plan.responseBytes)
        switch plan.work {
        case .bulk: request = Hello.bytes(plan.direction)
        case .request, .hold:
            request = Array("GET /\(plan.responseBytes) HTTP/1.1\r\nHost: bench\r\n\r\n".utf8)
        case .connect:
            request = Array("GET /\(plan.responseBytes) HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".utf8)
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: request.count, alignment: 1)
        memory.copyBytes(from: request)
        requestBytes = UnsafeRawBufferPointer(memory)
        let members = plan.work == .bulk ? plan.count : 0
        base = .init(repeating: (0, 0), count: members)
        moved = .init(repeating: (0, 0), count: members)
        free.reserveCapacity(plan.work == .request ? plan.count : 0)
    }

    deinit { requestBytes.deallocate() }

    /// Whether requests follow a plan instead of each other.
    var isOpenLoop: Bool { plan.rate > 0 }

    /// When the next request of an open loop is due.
    var nextPlanned: Instant { scheduleStart + UInt64(Double(plannedCount) * 1e9 / plan.rate) }

    func fail(_ reason: String, at: Instant, planned: Instant) {
        failures[reason, default: 0] += 1
        if failureTimes.count < 10_000 { failureTimes.append((at, planned, reason)) }
    }

    func answered(_ planned: Instant, at now: Instant) {
        done += 1
        latency.record(now - planned)
        if now - planned >= Self.slow, slowest.count < 10_000 { slowest.append((planned, now - planned)) }
    }

    /// Jain's fairness index of what the members moved: 1 when all moved the same, 1/n when one moved everything.
    static func jain(_ values: [Double]) -> Double {
        let sum = values.reduce(0, +)
        let squares = values.reduce(0) { $0 + $1 * $1 }
        return squares == 0 ? 0 : sum * sum / (Double(values.count) * squares)
    }

    func json(window: Nanoseconds) -> Value {
        let seconds = Double(window) / 1e9
        var object: Object = [
            "work": .string(plan.work.rawValue), "count": .number(plan.count),
            "failures": .number(failures.values.reduce(0, +)),
        ]
        if plan.work == .bulk {
            let each = moved.map { Double($0.sent + $0.received) }
            let bytes = moved.reduce(0) { $0 + $1.sent + $1.received }
            object["direction"] = .string(plan.direction.rawValue)
            object["bytes"] = .number(bytes)
            object["bytes_sent"] = .number(moved.reduce(0) { $0 + $1.sent })
            object["bytes_received"] = .number(moved.reduce(0) { $0 + $1.received })
            object["total_bytes"] = .number(totalDone)
            object["gbit_per_s"] = .double(Double(bytes) * 8 / 1e9 / seconds)
            object["jain"] = .double(Self.jain(each))
        } else if plan.work != .hold {
            object["response_bytes"] = .number(plan.responseBytes)
            object["requests"] = .number(done)
            object["total_requests"] = .number(totalDone)
            object["requests_per_s"] = .double(Double(done) / seconds)
            object["latency"] = latency.json
            if isOpenLoop {
                object["rate"] = .double(plan.rate)
                object["lag"] = lag.json
                object["unsent"] = .number(unsent)
                object["unanswered"] = .number(unanswered)
            }
            object["slow"] = .array(
                slowest.map { ["planned_ns": .number($0.planned), "latency_us": .double(Double($0.latency) / 1000)] })
        }
        if !failures.isEmpty {
            object["failure_reasons"] = .object(Object(failures.map { .init(key: $0.key, value: .number($0.value)) }))
            object["failure_times"] = .array(
                failureTimes.map {
                    ["at_ns": .number($0.at), "planned_ns": .number($0.planned), "reason": .string($0.reason)]
                })
        }
        return .object(object)
    }
}
