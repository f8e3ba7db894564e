import JSON

/// Why a configuration cannot be used. The description is what the agent prints behind "==> ".
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// A file that is no JSON, with the place.
    static func syntax(_ file: String, _ error: ParseError) -> ConfigurationError {
        ConfigurationError("failed to parse \(file): \(error.wholeText) (line \(error.line), column \(error.column))")
    }

    /// Keys that no version of Consul knows, in Consul's words.
    static func unknownKeys(_ file: String, _ paths: [String]) -> ConfigurationError {
        ConfigurationError("failed to parse \(file): " + multiError(paths.map { "invalid config key \($0)" }))
    }

    /// A value of the wrong kind, in Consul's words.
    static func type(_ file: String, _ error: TypeError) -> ConfigurationError {
        let want: String
        switch error.want {
        case "integer": want = "int"
        case "array": want = "[]string"
        case "object": want = "map[string]interface {}"
        case "number": want = "float64"
        default: want = error.want
        }
        return ConfigurationError(
            "failed to parse \(file): 1 error(s) decoding:\n\n"
                + "* '\(error.path)' expected type '\(want)', got unconvertible type '\(error.have)'")
    }

    /// A duration that is none.
    static func duration(_ file: String, _ path: Path, _ text: String, _ error: DurationError) -> ConfigurationError {
        ConfigurationError(
            "failed to parse \(file): " + multiError(["\(path): invalid duration: \"\(text)\": \(error)"]))
    }
}
