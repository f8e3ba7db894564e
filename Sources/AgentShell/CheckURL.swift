import Kernel

/// An `http://` or `https://` URL taken apart.
struct CheckURL {
    /// Whether it is to be asked over TLS.
    let isSecure: Bool
    let server: EndpointName
    /// The host without its port and brackets, as a certificate names it.
    let host: String
    /// "host:port" as the URL has it.
    let authority: String
    /// The path and query.
    let target: String

    init?(_ text: String) {
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        isSecure = scheme == "https://"
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = String(rest[..<end])
        // Credentials in a URL would end up in the output.
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let hasPort = authority.last != "]" && authority.contains(":")
        let whole = hasPort ? authority : authority + (isSecure ? ":443" : ":80")
        guard let server = try? EndpointName(parsing: whole), let colon = whole.lastIndex(of: ":") else { return nil }
        self.server = server
        self.authority = authority
        host = String(whole[..<colon].filter { $0 != "[" && $0 != "]" })
        var target = String(rest[end...].prefix { $0 != "#" })
        if !target.hasPrefix("/") { target = "/" + target }
        self.target = target
    }

    /// Where a `Location` leads from a URL (RFC 9110, section 10.2.2): another URL, or a path on the same server.
    static func resolve(_ place: String, against base: String) -> String? {
        if place.contains("://") { return place }
        guard let url = CheckURL(base) else { return nil }
        let root = (url.isSecure ? "https://" : "http://") + url.authority
        if place.hasPrefix("/") { return root + place }
        let folder = url.target.prefix { $0 != "?" }.lastIndex(of: "/").map { url.target[...$0] } ?? "/"
        return root + folder + place
    }
}
