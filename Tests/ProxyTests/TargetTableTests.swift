import Kernel
import Testing

@testable import Proxy

@Suite("The target table")
struct TargetTableTests {
    private func targets(_ ports: [UInt16]) -> [Target] {
        ports.map { Target(SocketAddress(ipv4: (127, 0, 0, 1), port: $0)) }
    }

    private func port(_ table: TargetTable, _ place: Int) -> UInt16 {
        table.states[table.slot(of: place)].target.address.port
    }

    @Test("keeps a target's slot while its place changes")
    func slots() {
        var table = TargetTable(targets([1, 2, 3]))
        #expect((0..<3).map { table.slot(of: $0) } == [0, 1, 2])
        table.replace(targets([3, 1]))
        #expect(table.slot(of: 0) == 2 && table.slot(of: 1) == 0)
        #expect(table.states[1].isRemoved)
        table.replace(targets([2, 1, 3]))
        #expect((0..<3).map { port(table, $0) } == [2, 1, 3] && table.states.allSatisfy { !$0.isRemoved })
        #expect(table.states.count == 3)
    }

    @Test("keeps a removed target's slot while connections count on it, then gives it to another")
    func reuse() {
        var table = TargetTable(targets([1, 2]))
        table.began(0)
        table.replace(targets([2, 3]))
        #expect(table.states[0].target.address.port == 1 && table.states[0].isRemoved && table.live == 1)
        #expect(port(table, 0) == 2 && port(table, 1) == 3)
        table.replace(targets([2, 3, 1]))
        #expect(table.slot(of: 2) == 0 && table.states[0].live == 1, "who comes back finds the connections it had")
        table.ended(0)
        table.replace(targets([2, 3, 4]))
        #expect(table.slot(of: 2) == 0 && port(table, 2) == 4 && table.live == 0)
    }

    @Test("holds a thousand targets and stays as long through any number of changes")
    func bounded() {
        var table = TargetTable(targets(Array(1...1000)))
        for round in 0..<50 {
            table.replace(targets(Array(UInt16(round + 2)...UInt16(round + 1001))))
        }
        #expect(table.states.count <= 1001)
        for place in 0..<1000 { #expect(port(table, place) == UInt16(place + 51)) }
    }
}
