import Glibc
import Kernel

/// Writes to standard error without C's `stderr`, a variable that Swift 6 cannot know to be safe.
func say(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}

/// What this example is told on its command line.
struct HelloFlags {
    /// Where to listen.
    let listen: EndpointName
    /// The path that is served; every other one is 404. Empty: all are served.
    let path: String
    /// What the service does.
    let part: Part

    /// The two services of the demonstration.
    enum Part {
        /// Answers with this text.
        case text(String)
        /// Fetches this and answers with what came.
        case fetch(HTTPLocation)
    }

    /// What is wrong with the words given, or that help was asked for.
    struct Misuse: Error {
        let description: String
        var isHelp = false
    }

    static let usage = """
        Usage: hello -listen HOST:PORT [-path PATH] (-text TEXT | -fetch URL)

          A service for trying a mesh, in one of two parts:

          -text TEXT     answers every request with TEXT
          -fetch URL     answers with what URL answers, for instance through a sidecar's
                         upstream (http://127.0.0.1:38082/); when that fails it is
                         502 "make request failed" and the reason

          -listen HOST:PORT   where to listen
          -path PATH          serves this path alone, 404 elsewhere

        """

    init(_ words: [String]) throws(Misuse) {
        var values: [String: String] = [:]
        var words = words[...]
        while let word = words.popFirst() {
            var name = word.drop { $0 == "-" }
            guard name.startIndex != word.startIndex else {
                throw Misuse(description: "unexpected argument \"\(word)\"")
            }
            var attached: String?
            if let equals = name.firstIndex(of: "=") {
                attached = String(name[name.index(after: equals)...])
                name = name[..<equals]
            }
            if name == "h" || name == "help" { throw Misuse(description: "a service for trying a mesh", isHelp: true) }
            guard ["listen", "path", "text", "fetch"].contains(name) else {
                throw Misuse(description: "flag provided but not defined: -\(name)")
            }
            guard let value = attached ?? words.popFirst() else {
                throw Misuse(description: "flag needs an argument: -\(name)")
            }
            values[String(name)] = value
        }
        guard let listen = values["listen"] else { throw Misuse(description: "-listen says where to listen") }
        do throws(EndpointName.Malformed) {
            self.listen = try EndpointName(parsing: listen)
        } catch {
            throw Misuse(description: "-listen: \(error)")
        }
        path = values["path"] ?? ""
        guard path.isEmpty || path.hasPrefix("/") else {
            throw Misuse(description: "-path \(path): a path begins with /")
        }
        switch (values["text"], values["fetch"]) {
        case (let text?, nil): part = .text(text)
        case (nil, let url?): part = .fetch(try HTTPLocation(url))
        default: throw Misuse(description: "give one of -text and -fetch")
        }
    }
}

/// A plain HTTP address, taken apart.
struct HTTPLocation {
    /// The server.
    let server: EndpointName
    /// Path and query.
    let target: String
    /// The whole, as it was given.
    let text: String

    init(_ text: String) throws(HelloFlags.Misuse) {
        self.text = text
        guard text.hasPrefix("http://") else {
            throw HelloFlags.Misuse(description: "-fetch \(text): want http://HOST:PORT/PATH")
        }
        let rest = text.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let host = String(rest[..<slash])
        target = slash == rest.endIndex ? "/" : String(rest[slash...])
        do throws(EndpointName.Malformed) {
            server = try EndpointName(parsing: host.contains(":") ? host : host + ":80")
        } catch {
            throw HelloFlags.Misuse(description: "-fetch \(text): \(error)")
        }
    }
}
