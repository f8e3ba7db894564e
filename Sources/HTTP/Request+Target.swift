extension Request {
    /// The path as sent, not decoded: "/v1/agent/self". "/" for an absolute target without one, "*" for the asterisk
    /// form, empty for the authority form.
    public var rawPath: Substring { splitTarget.path }

    /// The query as sent, without "?"; nil when there is no "?".
    public var rawQuery: Substring? { splitTarget.query }

    /// The path's segments, decoded one by one so that "%2F" in a name stays in it. "/v1/a%2Fb/" gives "v1", "a/b", "".
    public func pathSegments() throws(URLFault) -> [String] {
        var segments: [String] = []
        var rest = rawPath
        if rest.utf8.first == UInt8(ascii: "/") { rest = rest.dropFirst() }
        while true {
            guard let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) else {
                segments.append(try PercentCoding.decodePath(rest))
                return segments
            }
            segments.append(try PercentCoding.decodePath(rest[..<slash]))
            rest = rest[rest.utf8.index(after: slash)...]
        }
    }

    /// The query's parameters.
    public func query() throws(URLFault) -> Query {
        guard let rawQuery else { return Query() }
        return try Query(parsing: rawQuery)
    }

    /// Whom the request is for, "host:port": of an absolute or authority-form target its own, which stands above `Host`
    /// (RFC 9112, section 3.2.2), else `Host`.
    public var authority: String? {
        switch form {
        case .origin, .asterisk: return headers["Host"]
        case .authority: return target
        case .absolute:
            let rest = afterScheme
            return String(rest[..<(rest.utf8.firstIndex { Self.endsAuthority($0) } ?? rest.endIndex)])
        }
    }

    private var splitTarget: (path: Substring, query: Substring?) {
        switch form {
        case .authority: return ("", nil)
        case .asterisk: return ("*", nil)
        case .origin: return Self.split(target[...])
        case .absolute:
            let rest = afterScheme
            guard let start = rest.utf8.firstIndex(where: { Self.endsAuthority($0) }) else { return ("/", nil) }
            let (path, query) = Self.split(rest[start...])
            return (path.isEmpty ? "/" : path, query)
        }
    }

    /// What stands behind "http://" or "https://".
    private var afterScheme: Substring {
        guard let colon = target.utf8.firstIndex(of: UInt8(ascii: ":")) else { return target[...] }
        return target[colon...].dropFirst(3)
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?")
    }

    private static func split(_ text: Substring) -> (Substring, Substring?) {
        guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (text, nil) }
        return (text[..<mark], text[text.utf8.index(after: mark)...])
    }
}
