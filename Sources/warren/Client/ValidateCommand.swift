import AgentShell
import Mesh

extension Command {
    /// `warren validate`.
    static let validate = Command(name: "validate", synopsis: "Validate config files/directories") { words in
        var flags = Flags(
            usage: """
                warren validate [options] FILE_OR_DIRECTORY...

                  Reads the configuration as the agent would and says what is wrong with it.
                  Give everything that the agent is given: a part of it alone may not be
                  valid. The status is 0 when it is valid, else 1.
                """)
        flags.value("config-format", "json", "The files' format, whatever their names end in.")
        flags.toggle("quiet", "Says nothing when the configuration is valid.")
        if let status = flags.parseOrExplain(words) { return status }
        guard !flags.arguments.isEmpty else {
            complain("Must specify at least one config file or directory")
            return 1
        }
        if let format = flags.text("config-format"), format != "json" {
            complain("-config-format=\(format): only json is read here; write the files as JSON")
            return 1
        }
        let doubts: [String]
        do throws(AgentFault) {
            doubts = try RunningAgent.rehearse(
                ConfigurationSources(paths: flags.arguments, flags: ConfigurationFlags()))
        } catch {
            complain("Config validation failed: \(error)")
            return 1
        }
        for doubt in doubts { complain(doubt) }
        if !flags.isOn("quiet") { output("Configuration is valid!") }
        return 0
    }
}
