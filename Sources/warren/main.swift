import Glibc
import Reactor

Signals.block()
exit(Command.dispatch(Array(CommandLine.arguments.dropFirst())))
