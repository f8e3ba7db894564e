/// Why a store was not opened, read or written. `description` names the file and what to do.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The folder or file cannot be made or opened; `reason` is the system's.
    case unreachable(path: String, reason: String)
    /// The file is something else than a store of Warren's. It was not touched.
    case foreign(path: String)
    /// The file was written by a later Warren. It was not touched.
    case newer(path: String, version: Int, known: Int)
    /// The file is damaged.
    case corrupt(path: String, detail: String)
    /// Another process has the store.
    case locked(path: String)
    /// There is no room; nothing of the batch was written, and the next one may succeed.
    case full(path: String)
    /// The system failed to read or write; what was acknowledged is there, and nothing more is written until a restart.
    case failed(path: String, detail: String)
    /// The store was closed before the batch came.
    case closed

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .unreachable(let path, let reason): "cannot open the store \(path): \(reason)"
        case .foreign(let path):
            "\(path) is not a store of warren's; it was left as it is. Move it away or use another data folder"
        case .newer(let path, let version, let known):
            "\(path) has schema \(version), this warren knows up to \(known); it was left as it is. Use a later warren"
        case .corrupt(let path, let detail):
            "\(path) is damaged (\(detail)); it was left as it is. Restore it from a backup, or move it away to begin anew"
        case .locked(let path): "\(path) is in use by another process; is another agent running on this data folder?"
        case .full(let path): "no room to write \(path); free some space, nothing of this change was stored"
        case .failed(let path, let detail):
            "cannot write \(path): \(detail); nothing more is stored until the agent is restarted"
        case .closed: "the store is closed"
        }
    }
}
