extension AgentCore {
    /// Facts about this process that no file says.
    package struct Identity: Sendable {
        /// The node's UUID.
        package var nodeID: String
        /// The path of this program, for the sidecars' command.
        package var executable: String
        /// Whether the process runs as root.
        package var isRoot: Bool

        package init(nodeID: String, executable: String, isRoot: Bool) {
            self.nodeID = nodeID
            self.executable = executable
            self.isRoot = isRoot
        }
    }
}
