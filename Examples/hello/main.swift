import Glibc
import Kernel
import Reactor

Signals.block()
do throws(HelloFlags.Misuse) {
    let flags = try HelloFlags(Array(CommandLine.arguments.dropFirst()))
    exit(Hello.run(flags))
} catch {
    say("hello: \(error.description)\n\n\(HelloFlags.usage)")
    exit(error.isHelp ? 0 : 1)
}
