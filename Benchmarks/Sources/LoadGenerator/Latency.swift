import Histogram
import JSON

/// Latencies in nanoseconds, three significant digits, from 1 us to a minute (HdrHistogram).
struct Latency {
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1000, highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(_ nanoseconds: UInt64) {
        // Past a minute everything is "a minute": the run has long failed by then, and says so.
        _ = histogram.record(min(nanoseconds, 60_000_000_000))
    }

    var count: UInt64 { histogram.totalCount }

    /// Microseconds at the usual percentiles; `null` without a sample.
    var json: Value {
        guard histogram.totalCount > 0 else { return .null }
        func microseconds(_ percentile: Double) -> Value {
            .double(Double(histogram.valueAtPercentile(percentile)) / 1000)
        }
        return [
            "count": .number(histogram.totalCount),
            "mean_us": .double(histogram.mean / 1000),
            "p50_us": microseconds(50),
            "p90_us": microseconds(90),
            "p99_us": microseconds(99),
            "p99_9_us": microseconds(99.9),
            "max_us": microseconds(100),
        ]
    }
}
