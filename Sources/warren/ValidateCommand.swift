import AgentShell
import Mesh

/// `warren validate`: reads configuration files and folders as the agent would.
func runValidate(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren validate [options] FILE_OR_DIRECTORY...

              Reads the configuration as the agent would and says what is wrong with
              it. The status is 0 if nothing is, else 1.
            """)
    flags.value("config-format", "hcl|json", "The files' format; only json is read.")
    flags.toggle("quiet", "Says nothing when the configuration is valid.")
    if let status = flags.parseOrExplain(words) { return status }
    guard !flags.arguments.isEmpty else {
        complain("Must specify at least one config file or directory")
        return 1
    }
    do throws(ConfigurationError) {
        _ = try ConfigurationSources(paths: flags.arguments, flags: ConfigurationFlags()).read()
    } catch {
        complain("Config validation failed: \(error)")
        return 1
    }
    if !flags.isOn("quiet") { print("Configuration is valid!") }
    return 0
}
