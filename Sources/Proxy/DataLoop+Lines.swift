import Log
import Reactor

/// Lines about single connections, within a budget for each side.
extension DataLoop {
    /// Whose doing a line is: a flood of clients must not hide a target that fails.
    enum Topic: UInt32 {
        case clients = 0
        case targets = 1
    }

    /// Writes a line unless this second has had its share; then it is counted, and the number is written.
    func say(_ level: LogLevel, about topic: Topic, _ message: String, _ fields: @autoclosure () -> [LogField]) {
        guard log.wants(level) else { return }
        let verdict = topic == .clients ? clientLines.ask(now: loop.now) : targetLines.ask(now: loop.now)
        switch verdict {
        case .write: log.log(level, message, fields())
        case .leaveOut(nil): break
        case .leaveOut(let due?):
            let slot = SlotID(index: topic.rawValue, generation: 0)
            _ = loop.timers.arm(at: due, Token(kind: Kind.linesTimer, slot: slot).raw)
        }
    }

    /// Says how many lines were left out.
    func countLeftOut(_ slot: SlotID) {
        let isClients = slot.index == Topic.clients.rawValue
        let count = isClients ? clientLines.takeLeftOut() : targetLines.takeLeftOut()
        log.warn(
            "\(count) more lines about \(isClients ? "clients" : "targets") were left out: see the counters (SIGUSR1)",
            .number("worker", worker), .number("left_out", count))
    }
}
