/// Something a blocking query can wait for a change of. Names of nodes and services are in lower case here, since
/// Consul's catalog finds them without regard to case.
package enum Watch: Sendable, Hashable {
    case nodes
    case services
    case checks
    /// The instances of a service and their checks.
    case service(String)
    /// The proxies and native instances that stand for a service, and their checks.
    case destination(String)
    /// Any rule.
    case intentions
    /// The rules that name a service, or "*", on one side; who asks for a service's rules waits for both.
    case intentionsNaming(IntentionSide, String)
    case roots
    case leaf(String)
    /// A service of this agent, by id: its definition, not its health.
    case localService(String)
    case configEntries
    /// The discovery chain of a service.
    case chain(String)
    /// The discovery chains of all services.
    case chains
}
