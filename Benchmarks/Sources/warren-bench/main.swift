import Glibc
import JSON
import Kernel
import LoadGenerator
import Reactor

let usage = """
    Usage: warren-bench serve -listen=ADDRESS
           warren-bench load -target=ADDRESS -group=WORK,... [options]

      serve  The far end of every measurement: bulk sink, source and echo, and
             HTTP/1.1 ("GET /1024" is answered with 1024 bytes), on one port.
             Says {"address":"..."} once it listens; SIGTERM ends it.
      load   Connections to ADDRESS; the result is one JSON object on standard
             output. {"event":"ready"} comes first, when every connection stands.

    Options of load:

      -group=bulk,count=N,direction=to|from|duplex|echo[,read-rate=BYTES]
      -group=request,count=N,bytes=B[,rate=R]    kept-alive connections
      -group=connect,count=N,bytes=B[,rate=R]    a connection for each request
      -group=hold,count=N                        idle connections
          What runs; groups run together. With a rate, requests are planned and
          timed from their planned moment (open loop), else each connection
          sends the next when the last is answered (closed loop).
      -seconds=S     The measured window. The default is 2.
      -warmup=S      What runs before it. The default is 0.3.
      -patience=S    How long set-up, and one answer, may take. The default is 20.
      -watch=PID     Also reports the CPU time of this process. Repeatable.

    """

/// Ends the program with a sentence on standard error.
func fail(_ sentence: String) -> Never {
    let text = Array((sentence.hasSuffix("\n") ? sentence : sentence + "\n").utf8)
    _ = write(2, text, text.count)
    exit(1)
}

/// A line on standard output, at once: the harness waits for it.
func say(_ value: Value) {
    let text = value.bytes() + [0x0a]
    var sent = 0
    while sent < text.count {
        let count = text[sent...].withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
        if count <= 0 { exit(1) }
        sent += count
    }
}

func address(_ flag: String, _ text: String) -> SocketAddress {
    do throws(EndpointName.Malformed) {
        guard case .address(let address) = try EndpointName(parsing: text) else {
            fail("warren-bench: -\(flag)=\(text): give an address in digits, for instance 127.0.0.1:8080")
        }
        return address
    } catch {
        fail("warren-bench: -\(flag)=\(text): \(error)")
    }
}

func number<Number: LosslessStringConvertible & Comparable>(
    _ flag: String, _ text: String, _ range: ClosedRange<Number>
)
    -> Number
{
    guard let number = Number(text), range.contains(number) else {
        fail("warren-bench: -\(flag)=\(text): want a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
}

/// "-name=value" and "-name value", one dash or two, in order.
func flags(_ words: ArraySlice<String>) -> [(name: String, value: String)] {
    var words = words
    var flags: [(name: String, value: String)] = []
    while let word = words.popFirst() {
        guard word.hasPrefix("-") else { fail("warren-bench: unexpected argument \"\(word)\"\n\n\(usage)") }
        let bare = word.drop { $0 == "-" }
        if ["h", "help"].contains(bare) {
            print(usage, terminator: "")
            exit(0)
        }
        if let equals = bare.firstIndex(of: "=") {
            flags.append((String(bare[..<equals]), String(bare[bare.index(after: equals)...])))
        } else if let value = words.popFirst() {
            flags.append((String(bare), value))
        } else {
            fail("warren-bench: flag needs an argument: \(word)")
        }
    }
    return flags
}

func serve(_ words: ArraySlice<String>) {
    var listen: SocketAddress?
    for (name, value) in flags(words) {
        guard name == "listen" else { fail("warren-bench serve: flag provided but not defined: -\(name)\n\n\(usage)") }
        listen = address(name, value)
    }
    guard let listen else { fail("warren-bench serve: -listen is required\n\n\(usage)") }
    _ = Limits.descriptors(raisingTo: 1 << 20)
    do throws(Errno) {
        let server = try Server(listen)
        try server.stopOnSignals()
        say(["address": .string(server.address.description)])
        server.run()
    } catch {
        fail("warren-bench serve: cannot listen on \(listen): \(error)")
    }
}

func load(_ words: ArraySlice<String>) {
    var target: SocketAddress?
    var plan = LoadPlan(target: SocketAddress(ipv4: (127, 0, 0, 1), port: 0), groups: [])
    func nanoseconds(_ flag: String, _ text: String, _ range: ClosedRange<Double>) -> Nanoseconds {
        Nanoseconds(number(flag, text, range) * 1e9)
    }
    for (name, value) in flags(words) {
        switch name {
        case "target": target = address(name, value)
        case "group":
            do throws(GroupPlan.Malformed) {
                plan.groups.append(try GroupPlan(parsing: value))
            } catch {
                fail("warren-bench load: -group=\(value): \(error)")
            }
        case "seconds": plan.duration = nanoseconds(name, value, 0.01...86400)
        case "warmup": plan.warmup = nanoseconds(name, value, 0...3600)
        case "patience": plan.patience = nanoseconds(name, value, 0.01...3600)
        case "watch": plan.watched.append(number(name, value, 1...(1 << 22)))
        default: fail("warren-bench load: flag provided but not defined: -\(name)\n\n\(usage)")
        }
    }
    guard let target else { fail("warren-bench load: -target is required\n\n\(usage)") }
    guard !plan.groups.isEmpty else { fail("warren-bench load: -group is required: say what is to run\n\n\(usage)") }
    plan.target = target
    let wanted = plan.groups.reduce(64) { $0 + $1.count }
    let limit = Limits.descriptors(raisingTo: wanted)
    guard limit >= wanted else {
        fail(
            "warren-bench load: the groups need \(wanted) descriptors, but this process may open \(limit): raise the limit (ulimit -n \(wanted)) or lower count"
        )
    }
    do throws(LoadLoop.Fault) {
        let run = try LoadLoop(plan) { say(["event": "ready"]) }
        try run.stopOnSignals()
        say(try run.run())
    } catch {
        fail("warren-bench load: \(error)")
    }
}

Signals.block()
let words = CommandLine.arguments.dropFirst()
switch words.first {
case "serve": serve(words.dropFirst())
case "load": load(words.dropFirst())
case "-h", "-help", "--help": print(usage, terminator: "")
case let word?: fail("warren-bench: unknown command \"\(word)\"\n\n\(usage)")
case nil: fail(usage)
}
