import Glibc
import Kernel
import Reactor
import Testing

@Suite("The mailbox")
struct MailboxTests {
    @Test("keeps each sender's order, loses nothing, and rings for every sleeper")
    func threads() throws {
        struct Letter: Sendable {
            let sender: Int
            let number: Int
        }
        let box = try Mailbox<Letter>()
        let (senders, letters) = (4, 20_000)
        for sender in 0..<senders {
            try Reactor.Thread.start(name: "sender") {
                for number in 0..<letters {
                    box.post(Letter(sender: sender, number: number))
                    if number % 997 == 0 { usleep(200) }
                }
            }
        }
        var expected = [Int](repeating: 0, count: senders)
        let deadline = Clock.monotonic + .seconds(20)
        while expected.reduce(0, +) < senders * letters, Clock.monotonic < deadline {
            // Sleeps on the bell alone: a message without its ring would stop the test here.
            var entry = pollfd(fd: box.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 5000) == 1 else {
                Issue.record("messages without a ring: \(expected)")
                return
            }
            for letter in box.drain() {
                #expect(letter.number == expected[letter.sender])
                expected[letter.sender] += 1
            }
        }
        #expect(expected == [Int](repeating: letters, count: senders))
    }

    @Test("a burst rings once")
    func burst() throws {
        let box = try Mailbox<Int>()
        for number in 0..<100 { box.post(number) }
        var count: UInt64 = 0
        #expect(read(box.descriptor, &count, 8) == 8 && count == 1)
        #expect(box.drain() == Array(0..<100))
        #expect(box.drain().isEmpty)
        box.post(1)
        #expect(box.drain() == [1])
    }
}
