/// The queues: each meter's waiting flows as a list through the flows themselves, since a flow waits at one meter at a time.
extension Shaper {
    struct MeterState {
        var bucket: TokenBucket
        var first: Flow = -1
        var last: Flow = -1
        var waiting: Int32 = 0
        /// How many hold credit.
        var holders: Int32 = 0
        /// How many waited when the last round of serving began.
        var crowd: Int32 = 0

        // Each 5 ms at the earliest, those who wait are served together: a wake-up costs a few microseconds, so the loop
        // spends well below a percent on them, and a request waits no longer than people notice. A slow meter saves up to
        // 20 ms' worth for 16 KiB: a hundred of 1 MB/s would otherwise make twenty thousand moves of 5 kB a second.
        private var step: UInt64 { max(1, bucket.rate / 200, min(16_384, bucket.rate / 50)) }

        /// Bytes of one turn: what drips in within 5 ms, or for turns of up to 64 KiB within 25 ms, divided by those who wait:
        /// a hundred flows in a meter of 100 MB/s then make 4,000 moves a second and not 20,000, and each has its turn 40
        /// times. Not below a page, where a read would cost more than it brings, unless that is more than 50 ms' worth.
        var quantum: UInt64 {
            let least = max(1, min(4096, bucket.rate / 20))
            let sharers = UInt64(max(1, max(crowd, waiting)))
            let wanted = max(step / sharers, min(65_536, bucket.rate / 40 / sharers))
            return min(max(least, wanted), bucket.burst)
        }

        /// Bytes worth waking up for.
        var batch: UInt64 { max(quantum, min(step, bucket.burst)) }
    }

    struct FlowState {
        let owner: UInt64
        let meters: InlineArray<3, Meter>
        /// Bytes taken from each meter and not yet moved.
        var credits: InlineArray<3, Int> = .init(repeating: 0)
        /// Index in `meters` of the one it waits at; -1 for none.
        var waitsAt: Int8 = -1
        var next: Flow = -1
        var previous: Flow = -1

        init(owner: UInt64, meters: InlineArray<3, Meter>) {
            self.owner = owner
            self.meters = meters
        }
    }

    mutating func enqueue(_ flow: Flow, _ level: Int) {
        let meter = Int(flows[Int(flow)].meters[level])
        let last = meters[meter].last
        flows[Int(flow)].waitsAt = Int8(level)
        flows[Int(flow)].previous = last
        flows[Int(flow)].next = -1
        if last >= 0 { flows[Int(last)].next = flow } else { meters[meter].first = flow }
        meters[meter].last = flow
        meters[meter].waiting += 1
    }

    mutating func dequeue(_ flow: Flow) {
        let state = flows[Int(flow)]
        guard state.waitsAt >= 0 else { return }
        let meter = Int(state.meters[Int(state.waitsAt)])
        if state.previous >= 0 {
            flows[Int(state.previous)].next = state.next
        } else {
            meters[meter].first = state.next
        }
        if state.next >= 0 {
            flows[Int(state.next)].previous = state.previous
        } else {
            meters[meter].last = state.previous
        }
        meters[meter].waiting -= 1
        flows[Int(flow)].waitsAt = -1
        flows[Int(flow)].next = -1
        flows[Int(flow)].previous = -1
    }
}
