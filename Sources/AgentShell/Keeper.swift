import Glibc
import Kernel
import Mesh
import Reactor

/// What the agent knows from its last life, and where it keeps what its next one shall know.
package final class Keeper {
    /// Why the data folder cannot be used.
    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    /// The node's id: given, kept in the data folder, or new.
    package let nodeID: String
    /// What an earlier agent kept.
    package let kept: [Persisted]

    private init(nodeID: String, kept: [Persisted] = []) {
        self.nodeID = nodeID
        self.kept = kept
    }

    /// Opens what the configuration names: a data folder, or nothing in dev mode.
    package static func open(_ configuration: Configuration) throws(Refused) -> Keeper {
        var chance = Chance.unpredictable
        guard !configuration.dataDirectory.isEmpty else {
            return Keeper(nodeID: configuration.nodeID.isEmpty ? chance.uuid() : configuration.nodeID)
        }
        throw Refused(description: "there is no store in this build; use -dev without a data_dir")
    }

    /// Keeps records; `done` is called on the loop once they are safe, with what went wrong if they are not.
    func keep(_ records: [Persisted], index: UInt64, on loop: ControlLoop, done: @escaping (String?) -> Void) {
        done(nil)
    }

    /// Writes what is still to be written.
    func close() {}
}
