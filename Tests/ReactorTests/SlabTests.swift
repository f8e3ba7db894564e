import Reactor
import Testing

@Suite("The slab")
struct SlabTests {
    @Test("knows an element by slot and generation, at an address that stays", arguments: Random.seeds(20))
    func agreesWithModel(seed: UInt64) {
        var random = Random(seed: seed)
        var slab = Slab<UInt64>()
        var living: [SlotID: (value: UInt64, address: UInt)] = [:]
        var dead: [SlotID] = []
        for step in 0..<4000 {
            if living.isEmpty || random.below(5) < (step < 2000 ? 3 : 2) {
                let value = random.next()
                let slot = slab.insert(value)
                #expect(living[slot] == nil && slot.generation & 1 == 1, "seed \(seed)")
                living[slot] = (value, UInt(bitPattern: slab.pointer(slot)))
            } else {
                let slot = living.keys.min { $0.index &* 2_654_435_761 < $1.index &* 2_654_435_761 }!
                #expect(slab.remove(slot) == living.removeValue(forKey: slot)!.value, "seed \(seed)")
                dead.append(slot)
            }
        }
        #expect(slab.count == living.count && slab.capacity >= slab.count && slab.capacity % 256 == 0)
        for (slot, entry) in living {
            #expect(slab.pointer(slot)?.pointee == entry.value, "seed \(seed)")
            #expect(slab.slot(at: slot.index) == slot, "seed \(seed)")
            #expect(UInt(bitPattern: slab.pointer(slot)) == entry.address, "seed \(seed): an element moved")
        }
        for slot in dead { #expect(slab.pointer(slot) == nil, "seed \(seed): a dead slot answers") }
        #expect(Set(slab.slots()) == Set(living.keys), "seed \(seed)")
    }

    @Test("names that were never given out mean nobody")
    func strangers() {
        var slab = Slab<Int>()
        #expect(slab.pointer(SlotID(index: 0, generation: 0)) == nil)
        let slot = slab.insert(1)
        #expect(slab.pointer(SlotID(index: slot.index, generation: slot.generation + 2)) == nil)
        #expect(slab.pointer(SlotID(index: slot.index + 1, generation: 0)) == nil)
        #expect(slab.pointer(SlotID(index: 1 << 27, generation: 1)) == nil)
        #expect(slab.pointer(slot)?.pointee == 1)
        #expect(slab.slot(at: slot.index) == slot)
        #expect(slab.slot(at: slot.index + 1) == nil && slab.slot(at: 1 << 27) == nil)
    }

    @Test("ends every life once")
    func lives() {
        final class Witness {
            let ended: () -> Void
            init(_ ended: @escaping () -> Void) { self.ended = ended }
            deinit { ended() }
        }
        var endings = 0
        do {
            var slab = Slab<Witness>()
            let slots = (0..<700).map { _ in slab.insert(Witness { endings += 1 }) }
            for slot in slots[..<300] { _ = slab.remove(slot) }
            #expect(endings == 300)
        }
        #expect(endings == 700)
    }

    @Test("holds a million and gives their memory to the next million")
    func million() {
        var slab = Slab<UInt64>()
        let count = 1_000_000
        var slots = (0..<count).map { slab.insert(UInt64($0)) }
        let capacity = slab.capacity
        #expect(slab.count == count && capacity < count + 512)
        for slot in slots { _ = slab.remove(slot) }
        let old = slots
        slots = (0..<count).map { slab.insert(UInt64($0)) }
        #expect(slab.capacity == capacity)
        #expect(old.allSatisfy { slab.pointer($0) == nil })
        #expect(slots.enumerated().allSatisfy { slab.pointer($1)?.pointee == UInt64($0) })
    }

    @Test("gives empty chunks back and still knows every life apart", arguments: Random.seeds(20))
    func trimming(seed: UInt64) {
        var random = Random(seed: seed)
        var slab = Slab<UInt64>()
        var living: [SlotID: UInt64] = [:]
        var dead: [SlotID] = []
        for _ in 0..<6 {
            for _ in 0..<1000 + random.below(1000) {
                let value = random.next()
                let slot = slab.insert(value)
                #expect(living.updateValue(value, forKey: slot) == nil, "seed \(seed): a live slot was given out again")
            }
            // A few stay, wherever they live.
            for slot in living.keys.sorted(by: { $0.index < $1.index }) where random.below(400) > 0 {
                #expect(slab.remove(slot) == living.removeValue(forKey: slot)!, "seed \(seed)")
                dead.append(slot)
            }
            let before = slab.capacity
            slab.trim()
            #expect(slab.capacity <= before && slab.capacity <= (living.count + 1) * 256, "seed \(seed)")
            for (slot, value) in living { #expect(slab.pointer(slot)?.pointee == value, "seed \(seed)") }
            for slot in dead { #expect(slab.pointer(slot) == nil, "seed \(seed): a dead slot answers") }
            #expect(Set(slab.slots()) == Set(living.keys) && slab.count == living.count, "seed \(seed)")
        }
        for slot in living.keys { _ = slab.remove(slot) }
        slab.trim()
        #expect(slab.capacity == 256 && slab.slots().isEmpty, "seed \(seed)")
    }

    @Test("a token carries kind, index and generation whole")
    func tokens() {
        for kind in [0, 1, 7, 14] as [UInt8] {
            for index in [0, 1, 255, 256, 1 << 28 - 1] as [UInt32] {
                for generation in [1, 3, UInt32.max] {
                    let slot = SlotID(index: index, generation: generation)
                    let token = Token(raw: Token(kind: kind, slot: slot).raw)
                    #expect(token.kind == kind && token.slot == slot)
                }
            }
        }
    }
}

@Suite("The ready list")
struct ReadyListTests {
    @Test("is first in, first out", arguments: Random.seeds(20))
    func order(seed: UInt64) {
        var random = Random(seed: seed)
        var list = ReadyList()
        var model: [SlotID] = []
        var next: UInt32 = 0
        for _ in 0..<3000 {
            if random.below(9) < 5 {
                next += 1
                let slot = SlotID(index: next, generation: 1)
                list.append(slot)
                model.append(slot)
            } else {
                #expect(list.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed)")
            }
            #expect(list.count == model.count && list.isEmpty == model.isEmpty, "seed \(seed)")
        }
    }

    @Test("holds a million")
    func million() {
        var list = ReadyList()
        for index in 0..<1_000_000 { list.append(SlotID(index: UInt32(index), generation: 1)) }
        var expected: UInt32 = 0
        while let slot = list.popFirst() {
            if slot.index != expected { Issue.record("\(slot.index) came in the place of \(expected)") }
            expected += 1
        }
        #expect(expected == 1_000_000)
    }
}
