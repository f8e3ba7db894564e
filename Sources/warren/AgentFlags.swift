import Glibc
import Kernel

/// The environment's value of `name`, if it is set and not empty.
func environment(_ name: String) -> String? {
    guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
    return value
}

/// The flags by which commands find the agent, with Consul's names and environment variables.
struct AgentFlags {
    /// Where the agent's HTTP API is.
    let address: EndpointName
    /// The token to show; empty for none.
    let token: String

    static func declare(_ flags: inout Flags) {
        flags.value(
            "http-addr", "address",
            "The agent's address: HOST:PORT, a http:// URL or unix://PATH. The default is 127.0.0.1:8500, or CONSUL_HTTP_ADDR."
        )
        flags.value("token", "value", "The ACL token to use. The default is CONSUL_HTTP_TOKEN.")
        flags.value("token-file", "path", "A file that holds the ACL token.")
    }

    init(_ flags: Flags) throws(Flags.Misuse) {
        let text = flags.text("http-addr") ?? environment("CONSUL_HTTP_ADDR") ?? "127.0.0.1:8500"
        address = try Self.endpoint(text)
        if let path = flags.text("token-file") ?? environment("CONSUL_HTTP_TOKEN_FILE") {
            do throws(Errno) {
                let bytes = try File.read(path, atMost: 4096)
                token =
                    String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init)
                    ?? ""
            } catch {
                throw Flags.Misuse(description: "-token-file \(path): \(error)")
            }
        } else {
            token = flags.text("token") ?? environment("CONSUL_HTTP_TOKEN") ?? ""
        }
    }

    private static func endpoint(_ text: String) throws(Flags.Misuse) -> EndpointName {
        var rest = text
        // A token must not travel in the clear because a scheme was overlooked.
        let wantsTLS =
            environment("CONSUL_HTTP_SSL").map { ["1", "t", "T", "true", "TRUE", "True"].contains($0) } ?? false
        if wantsTLS, !rest.hasPrefix("http://"), !rest.hasPrefix("unix://") {
            throw Flags.Misuse(
                description: "CONSUL_HTTP_SSL: HTTPS to the agent is not supported, unset it or give a http:// address")
        }
        if rest.hasPrefix("https://") {
            throw Flags.Misuse(
                description: "-http-addr \(text): HTTPS to the agent is not supported, give http:// or unix://")
        }
        if rest.hasPrefix("http://") { rest.removeFirst("http://".count) }
        if rest.hasPrefix("unix://") { rest = "unix:" + rest.dropFirst("unix://".count) }
        if rest.hasSuffix("/"), !rest.hasPrefix("unix:") { rest.removeLast() }
        if !rest.hasPrefix("unix:"), !rest.contains(":") { rest += ":8500" }
        do throws(EndpointName.Malformed) {
            return try EndpointName(parsing: rest)
        } catch {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -http-addr: \(error)")
        }
    }
}
