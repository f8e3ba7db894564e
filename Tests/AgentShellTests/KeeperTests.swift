import Agent
import Kernel
import Reactor
import Store
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
