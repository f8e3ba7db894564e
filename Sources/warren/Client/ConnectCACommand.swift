import HTTP
import JSON

extension Command {
    /// `warren connect`: proxies and the certificate authority.
    static let connect = family(
        "connect", "Interact with the mesh: proxies and its certificate authority",
        usage: """
            warren connect <subcommand> [options] [args]

              Run a sidecar:

                  $ warren connect proxy -sidecar-for web

              See the certificate authority's configuration:

                  $ warren connect ca get-config
            """,
        [
            family(
                "ca", "Interact with the mesh's certificate authority",
                usage: """
                    warren connect ca <subcommand> [options] [args]

                      See the configuration:

                          $ warren connect ca get-config

                      Change it, which may make a new root:

                          $ warren connect ca set-config -config-file ca.json
                    """,
                [connectCAGetConfig, connectCASetConfig]),
            Command(name: "proxy", synopsis: "Runs a sidecar", run: runConnectProxy),
        ])

    private static let connectCAGetConfig = client(
        "get-config", "Display the certificate authority's configuration",
        usage: "warren connect ca get-config [options]\n\n  Prints the certificate authority's configuration as JSON.",
        reads: .catalog
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let answer = try client.get("/v1/connect/ca/configuration", failing: "Error querying CA configuration")
        output(answer.text(.indented(unit: "\t")))
        return 0
    }

    private static let connectCASetConfig = client(
        "set-config", "Modify the certificate authority's configuration",
        usage: """
            warren connect ca set-config [options] -config-file FILE

              Changes the certificate authority's configuration to that of a JSON file, "-"
              for standard input: {"Provider": "consul", "Config": {...}}. A change of the
              private key or root certificate makes a new root, which the old one
              cross-signs.
            """,
        reads: .catalog,
        declare: { flags in
            flags.value("config-file", "path", "The file with the configuration.")
            flags.toggle(
                "force-without-cross-signing",
                "Changes the root even if the old one cannot sign it; sidecars that know only the old root then refuse connections for a while."
            )
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        guard let path = flags.text("config-file"), !path.isEmpty else {
            throw Failure("The -config-file flag is required")
        }
        let bytes = try InputFile.read(path) { "Error reading config file: \($0)" }
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: bytes, limits: Limits(bytes: InputFile.largest))
        } catch {
            throw Failure("Error parsing config file: \(error.wholeText)")
        }
        guard case .object(var configuration) = value else {
            throw Failure("Error parsing config file: want a JSON object with Provider and Config")
        }
        if flags.isOn("force-without-cross-signing") { configuration["ForceWithoutCrossSigning"] = true }
        try client.send(
            "PUT", "/v1/connect/ca/configuration", body: Value.object(configuration).bytes(),
            failing: "Error setting CA configuration")
        output("Configuration updated!")
        return 0
    }
}
