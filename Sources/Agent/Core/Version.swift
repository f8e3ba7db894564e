extension AgentCore {
    /// What the API shows as the version: the Consul release whose answers these are, and whose program it is. Clients
    /// compare it as a semantic version, in which the part behind "+" does not count.
    package static let version = "1.9.17+warren"
}
