import Mesh

/// Names that work everywhere but in DNS are taken, with the warning Consul gives.
extension AgentCore {
    /// Warns of a node's or service's name that DNS cannot say.
    func noteName(_ what: String, _ name: String) {
        let key = what.lowercased()
        if !Self.isDNSLabel(name) {
            log(
                .warn,
                "agent: \(what) name will not be discoverable via DNS due to invalid characters. Valid characters include "
                    + "all alpha-numerics and dashes.: \(key)=\(name)")
        } else if name.utf8.count > 63 {
            log(
                .warn,
                "agent: \(what) name will not be discoverable via DNS due to it being too long. Valid lengths are between "
                    + "1 and 63 bytes.: \(key)=\(name)")
        }
    }

    /// Warns of a service's name and, where one looks closely, of its tags.
    func noteNames(of service: ServiceDefinition) {
        noteName("Service", service.name)
        for tag in service.tags {
            if !Self.isDNSLabel(tag) {
                log(
                    .debug,
                    "agent: Service tag will not be discoverable via DNS due to invalid characters. Valid characters "
                        + "include all alpha-numerics and dashes.: tag=\(tag)")
            } else if tag.utf8.count > 63 {
                log(
                    .debug,
                    "agent: Service tag will not be discoverable via DNS due to it being too long. Valid lengths are "
                        + "between 1 and 63 bytes.: tag=\(tag)")
            }
        }
    }

    private static func isDNSLabel(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
