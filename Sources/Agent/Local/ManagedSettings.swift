import JSON
import Mesh

/// What the agent itself reads of a 1.2 managed proxy's opaque settings. Consul took anything and left it to the proxy to
/// fail; here a registration whose upstreams cannot be served is refused, with the key.
enum ManagedSettings {
    /// The upstreams, in the form that later sidecars ask for.
    static func upstreams(_ value: Value?) throws(RegistrationError) -> [UpstreamDefinition] {
        guard let value, value != .null else { return [] }
        guard let elements = value.array else { throw problem("upstreams", "want a list of upstreams") }
        var upstreams: [UpstreamDefinition] = []
        var taken: [String: String] = [:]
        for (place, element) in elements.enumerated() {
            let path = "upstreams[\(place)]"
            guard let object = element.object else { throw problem(path, "want an object") }
            let upstream = try upstream(object, path)
            let listener = upstream.place
            if let other = taken.updateValue(upstream.destinationName, forKey: listener) {
                let key = upstream.localBindSocketPath.isEmpty ? ".local_bind_port" : ".local_bind_socket_path"
                throw problem(path + key, "\(listener) is taken by upstream \"\(other)\" already")
            }
            upstreams.append(upstream)
        }
        return upstreams
    }

    private static func upstream(_ object: Object, _ path: String) throws(RegistrationError) -> UpstreamDefinition {
        var upstream = UpstreamDefinition()
        upstream.destinationName = try text(object, "destination_name", path)
        if upstream.destinationName.isEmpty { throw problem(path + ".destination_name", "a service's name is needed") }
        upstream.localBindSocketPath = try text(object, "local_bind_socket_path", path)
        upstream.localBindSocketMode = try text(object, "local_bind_socket_mode", path)
        upstream.localBindPort =
            try port(
                object["local_bind_port"], path: path + ".local_bind_port",
                orNone: !upstream.localBindSocketPath.isEmpty) ?? 0
        let type = try text(object, "destination_type", path)
        guard ["", "service", "prepared_query"].contains(type) else {
            throw problem(path + ".destination_type", "\"\(type)\": want service or prepared_query")
        }
        if !type.isEmpty { upstream.destinationType = type }
        upstream.destinationNamespace = try text(object, "destination_namespace", path)
        guard ["", "default"].contains(upstream.destinationNamespace) else {
            throw problem(
                path + ".destination_namespace",
                "\"\(upstream.destinationNamespace)\": there is no namespace but \"default\"")
        }
        // 1.2's own documents had the first name, its code the second.
        let datacenter = try text(object, "datacenter", path)
        upstream.datacenter = datacenter.isEmpty ? try text(object, "destination_datacenter", path) : datacenter
        upstream.localBindAddress = try text(object, "local_bind_address", path)
        if let reason = upstream.placeProblem { throw problem(path + ".local_bind_socket_path", reason) }
        let known = Set([
            "destination_name", "local_bind_port", "destination_type", "destination_namespace",
            "destination_datacenter", "datacenter", "local_bind_address", "local_bind_socket_path",
            "local_bind_socket_mode", "config",
        ])
        // Settings stand beside the destination, or in a map of their own, which wins.
        upstream.config = Object(object.members.filter { !known.contains($0.key) })
        if let own = object["config"], own != .null {
            guard let map = own.object else { throw problem(path + ".config", "want an object, have \(own.kind)") }
            for member in map.members { upstream.config[member.key] = member.value }
        }
        return upstream
    }

    /// A port, also one that was written as 8080.0 or "8080", as Consul's weak decoding takes it; `nil` when there is
    /// none and that is fine (0 means none, as in Consul).
    static func port(_ value: Value?, path: String, orNone: Bool) throws(RegistrationError) -> Int? {
        let number: Int?
        if let value, value != .null {
            if let integer = value.integer {
                number = Int(exactly: integer)
            } else if let text = value.string {
                number = Int(text)
            } else if let float = try? Reader(value).double(), float == float.rounded(), abs(float) < 1e6 {
                number = Int(float)
            } else {
                number = nil
            }
            if orNone, number == 0 { return nil }
        } else {
            if orNone { return nil }
            number = 0
        }
        guard let number, (1...65535).contains(number) else { throw problem(path, "want a port from 1 to 65535") }
        return number
    }

    private static func text(_ object: Object, _ key: String, _ path: String) throws(RegistrationError) -> String {
        guard let value = object[key], value != .null else { return "" }
        guard let text = value.string else { throw problem("\(path).\(key)", "want a string, have \(value.kind)") }
        return text
    }

    private static func problem(_ path: String, _ text: String) -> RegistrationError {
        RegistrationError("connect.proxy.config.\(path): \(text)", status: 400)
    }
}
