import CWarren
import Glibc
import Reactor

Signals.block()
warren_openssl_few_names()
exit(Command.dispatch(Array(CommandLine.arguments.dropFirst())))
