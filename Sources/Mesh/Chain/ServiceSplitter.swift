import JSON

/// The config entry `service-splitter`: shares of a service's connections for subsets and other services (Consul
/// documentation, "Service Splitter"). Where Consul splits HTTP requests only, connections of any protocol are split here.
package struct ServiceSplitter: Sendable, Hashable {
    /// One share.
    struct Split: Sendable, Hashable {
        /// In hundredths of a percent.
        var weight: Int
        /// Empty for the service itself.
        var service = ""
        var subset = ""
    }

    package var name: String
    var splits: [Split] = []
    var meta = Object()

    static let keys = ["Splits", "Meta"]

    /// Reads the entry's own keys.
    init(name: String, _ block: EntryBlock, _ reader: inout EntryReader) throws(EntryFault) {
        self.name = name
        for (place, value) in try block.list("Splits").enumerated() {
            let path = "Splits[\(place)]"
            let own = try reader.block(value, path, ["Weight", "Service", "ServiceSubset", "Namespace"])
            try own.checkNamespace()
            let weight = try own.number("Weight")
            // The sum's sentence is Consul's; a negative share, which Consul lets through, needs one of its own.
            guard (0...10_000).contains(weight) else {
                throw .invalid("\(path).Weight must be from 0 to 100, not \(weight)")
            }
            splits.append(
                Split(
                    weight: Int((weight * 100).rounded()), service: try own.text("Service"),
                    subset: try own.text("ServiceSubset")))
        }
        meta = try block.map("Meta")
    }

    /// What must hold of the entry by itself, in Consul's words.
    func check() throws(EntryFault) {
        guard !splits.isEmpty else { throw .invalid("no splits configured") }
        var seen: Set<Split> = []
        for split in splits {
            let service = split.service.isEmpty ? name : split.service
            guard seen.insert(Split(weight: 0, service: service, subset: split.subset)).inserted else {
                throw .invalid(
                    "split destination occurs more than once: service=\"\(service)\", subset=\"\(split.subset)\", namespace=\"default\""
                )
            }
        }
        let sum = splits.reduce(0) { $0 + $1.weight }
        guard sum == 10_000 else {
            throw .invalid("the sum of all split weights must be 100, not \(Self.decimal(sum))0000")
        }
    }

    /// Hundredths with their two digits behind the point.
    private static func decimal(_ hundredths: Int) -> String {
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    /// A weight as the API shows it.
    static func shown(_ hundredths: Int) -> Value {
        hundredths % 100 == 0 ? .number(hundredths / 100) : .double(Double(hundredths) / 100)
    }

    /// The entry's own keys in the order Consul shows them.
    var content: Object {
        var object = Object()
        object.append(
            "Splits",
            .array(
                splits.map { split in
                    var own: Object = ["Weight": Self.shown(split.weight)]
                    own.add("Service", split.service)
                    own.add("ServiceSubset", split.subset)
                    return .object(own)
                }))
        if !meta.isEmpty { object.append("Meta", .object(meta)) }
        return object
    }
}
