import Kernel
import Testing

@testable import Proxy

@Suite("The target table")
struct TargetTableTests {
    private func table(_ count: Int) -> TargetTable {
        TargetTable((0..<count).map { Target(SocketAddress(ipv4: (127, 0, 0, 1), port: UInt16(1000 + $0))) })
    }

    @Test("picks the least connected, and goes around among equals")
    func leastConnected() {
        var table = table(3)
        var picks: [Int] = []
        for _ in 0..<6 { picks.append(table.pick(excluding: 0, now: 0)!) }
        #expect(Set(picks.prefix(3)) == [0, 1, 2] && Set(picks.suffix(3)) == [0, 1, 2])
        table.began(0)
        table.began(0)
        table.began(1)
        for _ in 0..<3 { #expect(table.pick(excluding: 0, now: 0) == 2) }
        table.began(2)
        table.began(2)
        for _ in 0..<3 { #expect(table.pick(excluding: 0, now: 0) == 1) }
        table.ended(0)
        table.ended(0)
        for _ in 0..<3 { #expect(table.pick(excluding: 0, now: 0) == 0) }
        for _ in 0..<3 { #expect(table.pick(excluding: 0b001, now: 0) == 1) }
        #expect(table.pick(excluding: 0b111, now: 0) == nil)
    }

    @Test("lets a target that failed rest, longer each time, and asks it when nobody else is left")
    func rests() {
        var table = table(2)
        table.failed(0, now: 0)
        #expect((0..<4).allSatisfy { _ in table.pick(excluding: 0, now: .milliseconds(99)) == 1 })
        #expect(table.pick(excluding: 0b10, now: 0) == 0, "a resting target is better than none")
        #expect(Set((0..<4).map { _ in table.pick(excluding: 0, now: .milliseconds(101))! }) == [0, 1])
        var now: Instant = .milliseconds(101)
        for round in 1..<40 {
            table.failed(0, now: now)
            let rest = min(UInt64.milliseconds(100) << UInt64(min(round, 16)), .seconds(10))
            #expect(table.states[0].restsUntil == now + rest)
            now += rest
        }
        table.connected(0)
        #expect(table.states[0].failures == 0 && table.states[0].restsUntil == 0)
    }

    @Test("of no targets picks nobody")
    func empty() {
        var table = table(0)
        #expect(table.pick(excluding: 0, now: 0) == nil)
    }

    @Test("a connection's attempts end, however many targets there are", arguments: [1, 63, 64, 65, 200])
    func bounded(count: Int) {
        var table = table(count)
        var tried: UInt64 = 0
        var attempts = 0
        while let index = table.pick(excluding: tried, now: 0) {
            attempts += 1
            tried = TargetTable.marking(index, in: tried)
            table.failed(index, now: 0)
            guard attempts < 1000 else {
                Issue.record("the attempts never end")
                return
            }
        }
        #expect(count > 64 || attempts == count)
        #expect(attempts >= 1 && attempts <= 65)
    }

    @Test("is fair over many connections", arguments: [2, 3, 7])
    func fair(count: Int) {
        var table = table(count)
        var served = [Int](repeating: 0, count: count)
        for _ in 0..<(count * 100) {
            let index = table.pick(excluding: 0, now: 0)!
            table.began(index)
            served[index] += 1
        }
        #expect(served.allSatisfy { $0 == 100 })
    }
}

@Suite("What a connection remembers")
struct ConnectionTests {
    @Test(
        "a peer's address in 20 bytes reads like the kernel's",
        arguments: ["127.0.0.1", "255.1.2.3", "::1", "2001:db8::7", "::", "fe80::1:2:3:4"])
    func addresses(text: String) throws {
        let address = try #require(SocketAddress(ip: text, port: 65535))
        #expect(PeerAddress(address).description == address.description)
        #expect(MemoryLayout<PeerAddress>.size <= 20)
    }

    @Test("a unix client is called so")
    func unix() throws {
        #expect(PeerAddress(try #require(SocketAddress(unixPath: "/x"))).description == "unix")
    }

    @Test("fits a slot of 512 bytes")
    func size() {
        #expect(MemoryLayout<Connection>.stride <= 512, "\(MemoryLayout<Connection>.stride)")
    }

    @Test("counters add up")
    func counters() {
        var one = ProxyCounters()
        one[.accepted] = 5
        one[.closed] = 3
        one[.bytesSpliced] = 7
        let sum = one + one
        #expect(sum[.accepted] == 10 && sum[.closed] == 6 && sum[.bytesSpliced] == 14)
        #expect(sum.rows.first { $0.name == "live" }?.value == 4)
        #expect(Set(sum.rows.map(\.name)).count == sum.rows.count)
    }
}
