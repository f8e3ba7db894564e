import Kernel

/// An `http://` URL taken apart.
struct PlainURL {
    let server: EndpointName
    /// "host:port" as the URL has it.
    let authority: String
    /// The path and query.
    let target: String

    init?(_ text: String) {
        guard text.lowercased().hasPrefix("http://") else { return nil }
        let rest = text.dropFirst("http://".count)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = String(rest[..<end])
        // Credentials in a URL would end up in the output.
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let hasPort = authority.last != "]" && authority.contains(":")
        guard let server = try? EndpointName(parsing: hasPort ? authority : authority + ":80") else { return nil }
        self.server = server
        self.authority = authority
        var target = String(rest[end...].prefix { $0 != "#" })
        if !target.hasPrefix("/") { target = "/" + target }
        self.target = target
    }

    /// Where a `Location` leads from a URL (RFC 9110, section 10.2.2): another URL, or a path on the same server.
    static func resolve(_ place: String, against base: String) -> String? {
        if place.contains("://") { return place }
        guard let url = PlainURL(base) else { return nil }
        if place.hasPrefix("/") { return "http://" + url.authority + place }
        let folder = url.target.prefix { $0 != "?" }.lastIndex(of: "/").map { url.target[...$0] } ?? "/"
        return "http://" + url.authority + folder + place
    }
}
