import Glibc
import Kernel

/// Two connected unix sockets that close when the test ends.
final class Pair {
    let left: Int32
    let right: Int32

    init() throws { (left, right) = try Socket.pair() }

    deinit {
        close(left)
        close(right)
    }
}
