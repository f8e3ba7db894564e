import Kernel
import Testing

@testable import Relay

@Suite("What a loop lends")
struct PoolTests {
    @Test("blocks come in classes, are counted, and stay bounded when given back")
    func blocks() {
        var pool = BufferPool(keptBytes: 1 << 20)
        for (size, kibibytes) in [
            (1, 2), (2 << 10, 2), (2 << 10 | 1, 16), (16 << 10, 16), (16 << 10 | 1, 64), (65536, 64), (65537, 256),
            (256 << 10, 256),
        ] {
            let block = pool.borrow(size)
            #expect(block.bytes.count == kibibytes << 10)
            #expect(pool.lentBytes == kibibytes << 10)
            pool.giveBack(block)
            #expect(pool.lentBytes == 0)
        }
        let huge = pool.borrow(300_000)
        #expect(huge.bytes.count == 300_000)
        pool.giveBack(huge)
        let one = pool.borrow(1)
        let address = one.bytes.baseAddress
        pool.giveBack(one)
        let again = pool.borrow(2)
        #expect(again.bytes.baseAddress == address, "a free block is not reused")
        pool.giveBack(again)
        pool.trim()
        let before = Memory.heapInUse
        var blocks = (0..<400).map { _ in pool.borrow(256 << 10) }
        #expect(pool.lentBytes == 100 << 20 && pool.highWater == 100 << 20)
        while let block = blocks.popLast() { pool.giveBack(block) }
        #expect(pool.lentBytes == 0)
        #expect(Memory.heapInUse - before < 8 << 20, "a burst stays in memory")
    }

    @Test("a backlog keeps order and gives its block back with the last byte", arguments: Random.seeds(20))
    func backlog(seed: UInt64) {
        var random = Random(seed: seed)
        var pool = BufferPool()
        var backlog = Backlog()
        var model: [UInt8] = []
        for _ in 0..<300 {
            if random.oneIn(2), model.count < 200_000 {
                let bytes = (0..<random.below(9000)).map { UInt8(truncatingIfNeeded: $0 &+ model.count) }
                bytes.withUnsafeBytes { backlog.append($0, &pool) }
                model += bytes
            } else if !model.isEmpty {
                let count = random.oneIn(3) ? model.count : 1 + random.below(model.count)
                backlog.consume(count, &pool)
                model.removeFirst(count)
            }
            #expect(backlog.count == model.count && backlog.bytes.elementsEqual(model), "seed \(seed)")
            #expect((pool.lentBytes == 0) == model.isEmpty, "seed \(seed)")
        }
        backlog.clear(&pool)
        #expect(pool.lentBytes == 0 && backlog.count == 0)
    }

    @Test("pipes are reused when empty, closed when not, and limited")
    func pipes() {
        var pool = PipePool(kept: 1, limit: 2, pipeCapacity: 4096)
        let one = Kept(pool.borrow())
        let two = Kept(pool.borrow())
        #expect(Kept(pool.borrow()).number == nil && pool.lent == 2 && pool.made == 2)
        let number = one.number
        pool.giveBack(one.pipe.take()!, isEmpty: true)
        let again = Kept(pool.borrow())
        #expect(again.number == number && pool.made == 2)
        pool.giveBack(again.pipe.take()!, isEmpty: false)
        pool.giveBack(two.pipe.take()!, isEmpty: true)
        #expect(pool.lent == 0)
        let third = Kept(pool.borrow())
        #expect(pool.made == 2)
        pool.giveBack(third.pipe.take()!, isEmpty: true)
    }

    private final class Kept {
        var pipe: Pipe?
        let number: Int32?
        init(_ pipe: consuming Pipe?) {
            switch consume pipe {
            case .some(let pipe):
                number = pipe.readEnd
                self.pipe = consume pipe
            case .none:
                number = nil
                self.pipe = nil
            }
        }
    }
}

@Suite("Farewells")
struct FarewellTests {
    static let table: [(ending: Ending, name: String, isOrdinary: Bool)] = [
        (.complete, "complete", true), (.broken(.front, .connectionReset), "client-reset", true),
        (.broken(.front, .brokenPipe), "client-reset", true), (.broken(.front, .timedOut), "client-reset", false),
        (.broken(.back, .connectionReset), "target-reset", false), (.idle, "idle-timeout", true),
        (.halfClosed, "half-close-timeout", false), (.unreachable(.timedOut), "connect-timeout", false),
        (.unreachable(.connectionRefused), "connect-failed", false), (.noTarget, "no-target", false),
        (.drained, "drained", false),
    ]

    @Test("each ending has its word", arguments: table.indices)
    func words(index: Int) {
        let row = Self.table[index]
        #expect(row.ending.name == row.name && row.ending.isOrdinary == row.isOrdinary)
    }
}
