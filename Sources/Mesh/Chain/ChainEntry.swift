import JSON

/// A config entry that takes part in discovery chains, or gives proxies their settings.
package enum ChainEntry: Sendable, Hashable {
    case serviceDefaults(ServiceDefaults)
    case proxyDefaults(ProxyDefaults)
    case splitter(ServiceSplitter)
    case resolver(ServiceResolver)

    /// The kinds, by the API's words.
    package enum Kind: String, Sendable, CaseIterable {
        case serviceDefaults = "service-defaults"
        case proxyDefaults = "proxy-defaults"
        case splitter = "service-splitter"
        case resolver = "service-resolver"

        fileprivate var keys: [String] {
            switch self {
            case .serviceDefaults: ServiceDefaults.keys
            case .proxyDefaults: ProxyDefaults.keys
            case .splitter: ServiceSplitter.keys
            case .resolver: ServiceResolver.keys
            }
        }
    }

    /// Reads an entry in the API's spelling or a file's, and checks it by itself. Whether it fits the others is
    /// `ChainGraph`'s to say.
    ///
    /// - Parameter now: nanoseconds since 1970, by which the expiry of faults is judged; `nil` for an entry that was judged
    ///   when it was written.
    package init(_ kind: Kind, _ value: Value, now: Int64? = nil) throws(EntryFault) {
        var reader = EntryReader()
        let common = ["Kind", "Name", "Namespace", "CreateIndex", "ModifyIndex"]
        let block = try reader.block(value, "", kind.keys + common)
        try block.checkNamespace()
        let name = try block.text("Name")
        switch kind {
        case .proxyDefaults: self = .proxyDefaults(try ProxyDefaults(block))
        case .serviceDefaults: self = .serviceDefaults(try ServiceDefaults(name: name, block, &reader))
        case .splitter: self = .splitter(try ServiceSplitter(name: name, block, &reader))
        case .resolver: self = .resolver(try ServiceResolver(name: name, block, &reader))
        }
        try reader.requireKnownKeys()
        if name.isEmpty {
            // Each in Consul's own words. The proxies' defaults have one name whatever they are called.
            switch kind {
            case .proxyDefaults: break
            case .serviceDefaults: throw .invalid("serviceName is required")
            case .splitter, .resolver: throw .invalid("Name is required")
            }
        }
        switch self {
        case .serviceDefaults(let entry): try entry.check(now: now)
        case .proxyDefaults(let entry): try entry.check(now: now)
        case .splitter(let entry): try entry.check()
        case .resolver(let entry): try entry.check()
        }
    }

    package var kind: Kind {
        switch self {
        case .serviceDefaults: .serviceDefaults
        case .proxyDefaults: .proxyDefaults
        case .splitter: .splitter
        case .resolver: .resolver
        }
    }

    package var name: String {
        switch self {
        case .serviceDefaults(let entry): entry.name
        case .proxyDefaults: "global"
        case .splitter(let entry): entry.name
        case .resolver(let entry): entry.name
        }
    }

    /// The entry as the API shows it, without the indexes that end it.
    package var shape: Object {
        var object = Object()
        if case .resolver(let entry) = self, let timeout = entry.connectTimeout, timeout > .zero {
            object.append("ConnectTimeout", .string(timeout.go))
        }
        object.append("Kind", .string(kind.rawValue))
        object.append("Name", .string(name))
        let content =
            switch self {
            case .serviceDefaults(let entry): entry.content
            case .proxyDefaults(let entry): entry.content
            case .splitter(let entry): entry.content
            case .resolver(let entry): entry.content
            }
        for member in content.members { object.append(member.key, member.value) }
        return object
    }
}
