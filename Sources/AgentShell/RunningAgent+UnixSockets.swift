import Agent
import Glibc
import Kernel
import Mesh

/// Who may open the API's unix sockets (`unix_sockets`).
extension RunningAgent {
    /// How a socket is opened, if it is one at a path.
    func pathOptions() throws(AgentFault) -> Socket.ListenOptions {
        let told = core.configuration.unixSockets
        var options = Socket.ListenOptions()
        if let mode = told.mode { options.mode = mode }
        if !told.user.isEmpty {
            guard let user = Self.user(told.user) else {
                throw AgentFault("unix_sockets.user: this machine has no user \"\(told.user)\"")
            }
            options.user = user
        }
        if !told.group.isEmpty {
            guard let group = Self.group(told.group) else {
                throw AgentFault("unix_sockets.group: this machine has no group \"\(told.group)\"")
            }
            options.group = group
        }
        return options
    }

    /// A number, or a name of the user database (getpwnam(3)). Called at the start only, when nothing waits.
    private static func user(_ text: String) -> UInt32? {
        if let number = UInt32(text), number != .max { return number }
        return getpwnam(text).map(\.pointee.pw_uid)
    }

    private static func group(_ text: String) -> UInt32? {
        if let number = UInt32(text), number != .max { return number }
        return getgrnam(text).map(\.pointee.gr_gid)
    }
}
