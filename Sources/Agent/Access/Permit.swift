/// What a request's token may do.
enum Permit: Sendable {
    /// Everything: ACLs are off, or the token is a management token.
    case everything
    /// What a sidecar needs for the service it stands for, and nothing else.
    case sidecar(proxyID: String, target: String)
    /// What rules say, with a default for what they do not mention.
    case rules(any Rules)
}

/// Questions that rules answer.
protocol Rules: Sendable {
    func mayReadService(_ name: String) -> Bool
    func mayWriteService(_ name: String) -> Bool
    func mayReadNode(_ name: String) -> Bool
    func mayWriteNode(_ name: String) -> Bool
    func mayReadAgent(_ node: String) -> Bool
    func mayWriteAgent(_ node: String) -> Bool
    func mayReadOperator() -> Bool
    func mayWriteOperator() -> Bool
    func mayReadIntention(_ name: String) -> Bool
    func mayWriteIntention(_ name: String) -> Bool
    /// Whether a connection without a matching intention is allowed.
    var allowsByDefault: Bool { get }
}

extension Permit {
    func mayReadService(_ name: String) -> Bool {
        switch self {
        case .everything, .sidecar: true
        case .rules(let rules): rules.mayReadService(name)
        }
    }

    func mayWriteService(_ name: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar(_, let target): name == target
        case .rules(let rules): rules.mayWriteService(name)
        }
    }

    func mayReadNode(_ name: String) -> Bool {
        switch self {
        case .everything, .sidecar: true
        case .rules(let rules): rules.mayReadNode(name)
        }
    }

    func mayWriteNode(_ name: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayWriteNode(name)
        }
    }

    func mayReadAgent(_ node: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayReadAgent(node)
        }
    }

    func mayWriteAgent(_ node: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayWriteAgent(node)
        }
    }

    var mayReadOperator: Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayReadOperator()
        }
    }

    var mayWriteOperator: Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayWriteOperator()
        }
    }

    func mayReadIntention(_ name: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar(_, let target): name == target
        case .rules(let rules): rules.mayReadIntention(name)
        }
    }

    func mayWriteIntention(_ name: String) -> Bool {
        switch self {
        case .everything: true
        case .sidecar: false
        case .rules(let rules): rules.mayWriteIntention(name)
        }
    }
}
