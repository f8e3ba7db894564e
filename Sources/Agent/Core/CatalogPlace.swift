/// What of another node an entry of the catalog speaks of: the node itself, a service or a check on it.
package struct CatalogPlace: Sendable, Hashable {
    package enum Part: Sendable, Hashable {
        case node
        case service(String)
        case check(String)
    }

    /// The node's name in lower case, as the catalog finds nodes.
    package let node: String
    package let part: Part

    /// A part of the node of this name, however it is written.
    package init(node: String, _ part: Part) {
        self.node = node.lowercased()
        self.part = part
    }

    /// Names this place among all. The node's length comes first, for its name and the id may hold any letter.
    package var key: String {
        let rest =
            switch part {
            case .node: "node/"
            case .service(let id): "service/\(id)"
            case .check(let id): "check/\(id)"
            }
        return "\(node.utf8.count)/\(node)/\(rest)"
    }
}

extension CatalogPlace {
    /// Reads a key; nothing of one that is none.
    package init?(key: String) {
        let bytes = Array(key.utf8)
        guard let first = bytes.firstIndex(of: UInt8(ascii: "/")),
            let length = Int(String(decoding: bytes[..<first], as: UTF8.self)), length >= 0,
            first + 1 + length < bytes.count, bytes[first + 1 + length] == UInt8(ascii: "/")
        else { return nil }
        let name = String(decoding: bytes[first + 1..<first + 1 + length], as: UTF8.self)
        let rest = bytes[(first + length + 2)...]
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        let id = String(decoding: rest[(slash + 1)...], as: UTF8.self)
        switch String(decoding: rest[..<slash], as: UTF8.self) {
        case "node": self.init(node: name, .node)
        case "service": self.init(node: name, .service(id))
        case "check": self.init(node: name, .check(id))
        default: return nil
        }
    }
}
