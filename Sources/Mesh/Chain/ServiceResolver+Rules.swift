extension ServiceResolver {
    /// What must hold of the entry by itself, in Consul's words.
    func check() throws(EntryFault) {
        for name in subsets.keys.sorted() { try Self.checkSubsetName(name) }
        guard defaultSubset.isEmpty || subsets[defaultSubset] != nil else {
            throw .invalid("DefaultSubset \"\(defaultSubset)\" is not a valid subset")
        }
        if let redirect { try check(redirect) }
        for subset in failover.keys.sorted() { try check(failover[subset] ?? Failover(), of: subset) }
        try loadBalancer?.check()
    }

    private func check(_ redirect: Redirect) throws(EntryFault) {
        guard failover.isEmpty else { throw .invalid("Redirect and Failover cannot both be set") }
        if redirect.service.isEmpty {
            guard redirect.subset.isEmpty else {
                throw .invalid("Redirect.ServiceSubset defined without Redirect.Service")
            }
            guard !redirect.datacenter.isEmpty else { throw .invalid("Redirect is empty") }
        } else if redirect.service == name, !redirect.subset.isEmpty, subsets[redirect.subset] == nil {
            throw .invalid("Redirect.ServiceSubset \"\(redirect.subset)\" is not a valid subset of \"\(name)\"")
        }
    }

    private func check(_ failover: Failover, of subset: String) throws(EntryFault) {
        guard subset == "*" || subset.isEmpty || subsets[subset] != nil else {
            throw .invalid("Bad Failover[\"\(subset)\"]: not a valid subset")
        }
        guard !failover.service.isEmpty || !failover.subset.isEmpty || !failover.datacenters.isEmpty else {
            throw .invalid(
                "Bad Failover[\"\(subset)\"] one of Service, ServiceSubset, Namespace, or Datacenters is required")
        }
        let isOwn = failover.service.isEmpty || failover.service == name
        guard failover.subset.isEmpty || !isOwn || subsets[failover.subset] != nil else {
            throw .invalid(
                "Bad Failover[\"\(subset)\"].ServiceSubset \"\(failover.subset)\" is not a valid subset of \"\(name)\"")
        }
        guard !failover.datacenters.contains("") else {
            throw .invalid("Bad Failover[\"\(subset)\"].Datacenters: found empty datacenter")
        }
    }

    private static func checkSubsetName(_ name: String) throws(EntryFault) {
        if name.isEmpty { throw .invalid("Subset defined with empty name") }
        if name.utf8.count > 63 {
            throw .invalid("Subset \"\(name)\" is invalid: must be 63 characters or less")
        }
        let letters = Array(name.utf8)
        func isPlain(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) }
        guard letters.allSatisfy({ isPlain($0) || $0 == 0x2d }), isPlain(letters[0]),
            isPlain(letters[letters.count - 1])
        else {
            throw .invalid(
                "Subset \"\(name)\" is invalid: must start and end with lower case alphanumeric characters, and contain "
                    + "lower case alphanumeric characters or '-' in between")
        }
    }
}
