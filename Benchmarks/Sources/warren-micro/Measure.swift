import CAllocationCount
import JSON
import Kernel

/// Keeps a value from being optimised away.
@inline(never)
func keep<Value>(_ value: borrowing Value) {}

/// What one micro-benchmark found.
struct Measurement {
    let name: String
    /// What one operation is.
    let unit: String
    /// Nanoseconds of CPU for one, so that other work on the machine does not count: the median, the least and the
    /// largest over the samples.
    let nanoseconds: Double
    let least: Double
    let most: Double
    /// Allocations for one in steady state.
    let allocations: Double
    /// The share by which allocations differ between runs of the same program.
    let variation: Double
    /// Bytes moved by one, where it moves any.
    let bytes: Int

    var json: Value {
        var object: Object = [
            "name": .string(name), "unit": .string(unit), "ns": .double(rounded(nanoseconds)),
            "ns_least": .double(rounded(least)), "ns_most": .double(rounded(most)),
            "allocations": .double(rounded(allocations)), "variation": .double(variation),
        ]
        if bytes > 0 { object["gb_per_s"] = .double(rounded(Double(bytes) / nanoseconds)) }
        return .object(object)
    }

    private func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }
}

/// Runs micro-benchmarks: as many operations to a sample as fill its time, so that the clock costs nothing.
struct Suite {
    private static let samples = 9
    private static let sampleTime: Nanoseconds = .milliseconds(20)
    let filter: String
    private(set) var measurements: [Measurement] = []
    let report: (Measurement) -> Void

    init(filter: String, report: @escaping (Measurement) -> Void) {
        self.filter = filter
        self.report = report
    }

    /// Whether a group of benchmarks is wanted, so that costly preparations are left out otherwise.
    func wants(_ group: String) -> Bool { filter.isEmpty || group.contains(filter) || filter.hasPrefix(group) }

    /// Measures `body`, which performs the operation as often as it is told.
    ///
    /// How many fill a sample's time depends on the machine. `counted` is for an operation whose allocations differ from
    /// one to the next: they are counted over so many, the same ones everywhere, behind as many that warm up.
    mutating func measure(
        _ name: String, _ unit: String, bytes: Int = 0, counted: Int? = nil, variation: Double = 0.02,
        _ body: (Int) -> Void
    ) {
        guard filter.isEmpty || name.contains(filter) else { return }
        let counts = counted.map { counted in
            body(counted)
            let before = allocation_count()
            body(counted)
            return Double(allocation_count() - before) / Double(counted)
        }
        var count = 1
        while true {
            let start = Clock.processCPU
            body(count)
            let elapsed = Clock.processCPU - start
            if elapsed >= Self.sampleTime / 2 || count >= 1 << 30 { break }
            count = elapsed < 1000 ? count * 16 : max(count + 1, Int(Self.sampleTime) * count / Int(elapsed))
        }
        var times: [Double] = []
        times.reserveCapacity(Self.samples)
        var allocations = UInt64.max
        for _ in 0..<Self.samples {
            let before = allocation_count()
            let start = Clock.processCPU
            body(count)
            times.append(Double(Clock.processCPU - start) / Double(count))
            allocations = min(allocations, allocation_count() - before)
        }
        times.sort()
        let measurement = Measurement(
            name: name, unit: unit, nanoseconds: times[Self.samples / 2], least: times[0],
            most: times[Self.samples - 1], allocations: counts ?? Double(allocations) / Double(count),
            variation: variation, bytes: bytes)
        measurements.append(measurement)
        report(measurement)
    }
}
