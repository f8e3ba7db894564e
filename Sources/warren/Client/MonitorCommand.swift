import Glibc
import HTTP

extension Command {
    /// `warren monitor`: an agent's log as it is written.
    static let monitor = client(
        "monitor", "Stream logs from an agent",
        usage: """
            warren monitor [options]

              Prints the agent's latest log lines and then each new one, until it is
              interrupted. The level is the monitor's own, whatever the agent logs at.
            """,
        declare: { flags in
            flags.toggle("log-json", "Prints lines as JSON.")
            flags.value("log-level", "level", "trace, debug, info, warn or err. The default is info.")
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        client.onInterrupt = { _ in exit(0) }
        var query = [Query.Item("loglevel", flags.text("log-level") ?? "INFO")]
        if flags.isOn("log-json") { query.append(Query.Item("logjson", "true")) }
        var status = 0
        var refusal: [UInt8] = []
        do throws(AnswerFault) {
            try client.stream("/v1/agent/monitor", query) {
                status = $0.status
            } onBody: { piece in
                if status != 200 {
                    // No more than a sentence is expected; the rest would be no error text.
                    if refusal.count < 64 << 10 { refusal += piece }
                } else if !write(piece, to: 1) {
                    exit(0)
                }
            }
            if status != 200 { throw AnswerFault(unexpected: Response(status: status, body: refusal)) }
        } catch {
            throw Failure(status == 200 ? "\nThe monitor was cut off: \(error)" : "Error starting monitor: \(error)")
        }
        complain("\nThe agent ended the monitor; it may have stopped.")
        return 0
    }
}
