import Mesh
import TLS
import Testing

@testable import Proxy

@Suite("The table of peers")
struct PeerTableTests {
    private func facts(_ number: UInt8) -> PeerFacts {
        PeerFacts(fingerprint: [number], uris: ["spiffe://x.consul/ns/default/dc/dc1/svc/s\(number)"])
    }

    /// A peer's tunnels, in the order in which a walk meets them.
    private func walk(_ table: PeerTable, _ index: Int32) -> [UInt32] {
        var met: [UInt32] = []
        var next = table.firstTunnel(of: index)
        while let slot = next {
            met.append(slot)
            next = table.tunnel(after: slot)
        }
        return met
    }

    @Test("gives each peer its own tunnels, whoever comes and goes", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var table = PeerTable()
        var tunnels: [UInt32: (peer: UInt8, index: Int32)] = [:]
        for _ in 0..<4_000 {
            // Slots are reused, as those of a slab are.
            let slot = UInt32.random(in: 0..<200, using: &random)
            if let tunnel = tunnels.removeValue(forKey: slot) {
                table.leave(tunnel.index, slot: slot)
            } else {
                let peer = UInt8.random(in: 0..<12, using: &random)
                let index = table.join(facts(peer), slot: slot)
                tunnels[slot] = (peer, index)
            }
            for peer in UInt8(0)..<12 {
                let own = tunnels.filter { $0.value.peer == peer }
                guard let index = own.first?.value.index else { continue }
                #expect(table[index]?.fingerprint == [peer])
                #expect(Set(walk(table, index)) == Set(own.keys) && walk(table, index).count == own.count)
            }
            #expect(table.places <= 12)
        }
        for (slot, tunnel) in tunnels { table.leave(tunnel.index, slot: slot) }
        #expect((0..<Int32(table.places)).allSatisfy { table[$0] == nil && table.firstTunnel(of: $0) == nil })
        table.trim()
        #expect(table.places == 0)
    }

    @Test("finds the few tunnels of one among thousands without a look at the others")
    func fewAmongMany() {
        var table = PeerTable()
        var indexes: [Int32] = []
        for slot in UInt32(0)..<9_000 { indexes.append(table.join(facts(slot % 900 == 7 ? 1 : 2), slot: slot)) }
        let few: [UInt32] = [8107, 7207, 6307, 5407, 4507, 3607, 2707, 1807, 907, 7]
        #expect(walk(table, indexes[7]) == few)
        #expect(walk(table, indexes[0]).count == 8_990)
        #expect(table.places == 2)
    }

    @Test("remembers of a peer that some tunnel waits, until it is told otherwise or the peer has gone")
    func waiting() {
        var table = PeerTable()
        let index = table.join(facts(1), slot: 0)
        #expect(!table.mayWait(index))
        table.note(index, mayWait: true)
        #expect(table.join(facts(1), slot: 1) == index && table.mayWait(index))
        table.note(index, mayWait: false)
        #expect(!table.mayWait(index))
        table.note(index, mayWait: true)
        for slot in UInt32(0)..<2 { table.leave(index, slot: slot) }
        #expect(table.join(facts(2), slot: 0) == index && !table.mayWait(index))
        #expect(table[-1] == nil)
    }
}
