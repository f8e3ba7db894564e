import Agent
import Kernel
import Reactor
import Store
import Synchronization
import Testing

@testable import AgentShell

@Suite struct KeeperTests {
    private func wait(_ loop: ControlLoop, until condition: () -> Bool) {
        let isDone = loop.run(atMost: .seconds(10), until: condition)
        #expect(isDone)
    }

    @Test func bringsBackWhatWasKept() throws {
        let store = MemoryStore()
        let loop = try ControlLoop()
        let keeper = try Keeper(nodeID: "n", store: store)
        #expect(keeper.kept == [.index(0)])
        let records: [Persisted] = [
            .service(id: "a", [1]), .check(id: "b", [2]), .checkState(id: "b", [3]), .sidecar(id: "c", [4]),
            .intention(id: "d", [5]), .authority([6]),
        ]
        var done = 0
        keeper.keep(records + [.service(id: "gone", [7])], index: 3, on: loop) { problem in
            #expect(problem == nil)
            done += 1
        }
        // Both words on "gone" in one batch, and the last one counts.
        keeper.keep([.service(id: "gone", [8]), .service(id: "gone", nil)], index: 4, on: loop) { _ in done += 1 }
        #expect(done == 0, "an answer never comes inside the call")
        wait(loop) { done == 2 }
        keeper.close()
        store.reopen()
        let next = try Keeper(nodeID: "n", store: store)
        #expect(Set(next.kept.dropFirst()) == Set(records))
        #expect(next.kept.first == .index(4))
    }

    @Test func withoutANextLifeNothingIsWrittenAndNobodyWaits() throws {
        let store = MemoryStore()
        let keeper = try Keeper(nodeID: "n", store: store, isLasting: false)
        var done = 0
        keeper.keep([.service(id: "a", [1])], index: 5, on: try ControlLoop()) { problem in
            #expect(problem == nil)
            done += 1
        }
        #expect(done == 1)
        keeper.close()
        #expect(store.load().records.isEmpty && store.load().index == 0)
    }

    /// An agent that is killed writes nothing more; what it last wrote must be above all it has said.
    @Test func neverGoesBackBehindAnIndexThatWasSaid() throws {
        let store = MemoryStore()
        let loop = try ControlLoop()
        let keeper = try Keeper(nodeID: "n", store: store)
        var said: UInt64 = 0
        var writes: Set<UInt64> = []
        for index in UInt64(1)...10_000 {
            var isDone = false
            keeper.keep([], index: index, on: loop) { _ in isDone = true }
            if !isDone { wait(loop) { isDone } }
            said = index
            let stored = store.load().index
            #expect(stored >= said)
            writes.insert(stored)
        }
        #expect(writes.count <= 4, "changes without a record share writes of the index")
    }

    /// A reader may have seen what a batch under way holds: its answer goes out behind that batch, not before.
    @Test func answersThatKeepNothingWaitForBatchesUnderWay() throws {
        let store = SlowStore()
        let loop = try ControlLoop()
        let keeper = try Keeper(nodeID: "n", store: store)
        var order: [String] = []
        keeper.keep([], index: 0, on: loop) { _ in order.append("nothing under way") }
        #expect(order == ["nothing under way"])
        keeper.keep([.service(id: "a", [1])], index: 1, on: loop) { _ in order.append("first") }
        keeper.keep([], index: 1, on: loop) { problem in
            #expect(problem == nil)
            order.append("reader of first")
        }
        keeper.keep([.service(id: "b", [1])], index: 2, on: loop) { _ in order.append("second") }
        keeper.keep([], index: 2, on: loop) { _ in order.append("reader of second") }
        let none = loop.run(atMost: .milliseconds(20)) { order.count > 1 }
        #expect(!none, "nothing goes out before the disk has it: \(order)")
        store.finish(1)
        wait(loop) { order.count == 3 }
        #expect(order.suffix(2) == ["first", "reader of first"])
        store.finish(1)
        wait(loop) { order.count == 5 }
        #expect(order.suffix(2) == ["second", "reader of second"])
        keeper.keep([], index: 2, on: loop) { _ in order.append("at once") }
        #expect(order.last == "at once")
        keeper.close()
    }

    @Test func entriesOfTheCatalogAreBroughtBack() throws {
        let store = MemoryStore()
        let loop = try ControlLoop()
        let keeper = try Keeper(nodeID: "n", store: store)
        let records: [Persisted] = [
            .catalog(CatalogPlace(node: "far/away", .node), [1]),
            .catalog(CatalogPlace(node: "far/away", .service("a/b")), [2]),
            .catalog(CatalogPlace(node: "far", .check("away/service/a")), [3]),
        ]
        var isDone = false
        keeper.keep(records, index: 1, on: loop) { _ in isDone = true }
        wait(loop) { isDone }
        keeper.close()
        #expect(Set(try Keeper(nodeID: "n", store: store).kept.dropFirst()) == Set(records))
    }

    @Test func saysWhenSomethingCouldNotBeKept() throws {
        let store = MemoryStore()
        let loop = try ControlLoop()
        let keeper = try Keeper(nodeID: "n", store: store)
        store.close()
        var problem: String?
        keeper.keep([.service(id: "a", [1])], index: 1, on: loop) { problem = $0 }
        wait(loop) { problem != nil }
        #expect(problem?.contains("not stored") == true)
    }
}

/// A store whose disk answers when the test says so.
private final class SlowStore: Store {
    private let waiting = Mutex<[@Sendable (Result<Void, StoreError>) -> Void]>([])

    func load() -> StoreContents { StoreContents() }

    func commit(_ batch: StoreBatch, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        waiting.withLock { $0.append(completion) }
    }

    func finish(_ count: Int) {
        let done = waiting.withLock { waiting in
            defer { waiting.removeFirst(count) }
            return Array(waiting.prefix(count))
        }
        for completion in done { completion(.success(())) }
    }

    func close() {}
}
