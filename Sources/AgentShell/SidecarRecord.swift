import Agent
import Glibc
import JSON
import Kernel

/// A running sidecar as the next agent has to know it: which process it is, and what it was started for.
struct SidecarRecord: Hashable {
    var id: String
    var pid: Int32
    /// What tells the process from any other that has or will have its number.
    var birth: ProcessBirth
    var command: [String]
    /// The token it shows to the agent; the file is for the agent's user alone.
    var token: String
    /// Where it looks for the agent.
    var agentAddress: String

    /// Whether the process runs what `spec` asks for, for an agent at this address.
    func serves(_ spec: SidecarSpec, agentAddress: String) -> Bool {
        id == spec.id && command == spec.command && token == spec.token && self.agentAddress == agentAddress
    }

    var bytes: [UInt8] {
        let value: Value = [
            "ID": .string(id), "Pid": .number(pid), "StartTime": .string(String(birth.ticks)),
            "BootID": .string(birth.boot), "Command": .strings(command), "Token": .string(token),
            "AgentAddress": .string(agentAddress),
        ]
        return value.bytes(.pretty) + [0x0a]
    }
}

extension SidecarRecord {
    /// Reads a record; nothing of one that is not whole.
    init?(parsing bytes: [UInt8]) {
        guard let value = try? Value(parsing: bytes), let id = value["ID"]?.string, !id.isEmpty,
            let pid = value["Pid"]?.integer.flatMap(Int32.init(exactly:)), pid > 1,
            let ticks = value["StartTime"]?.string.flatMap(UInt64.init), let boot = value["BootID"]?.string,
            let command = value["Command"]?.array?.compactMap(\.string), let token = value["Token"]?.string,
            let address = value["AgentAddress"]?.string
        else { return nil }
        self.init(
            id: id, pid: pid, birth: ProcessBirth(ticks: ticks, boot: boot), command: command, token: token,
            agentAddress: address)
    }
}

/// When a process began. With its number this names it for good: numbers are used again, moments are not.
struct ProcessBirth: Hashable {
    /// Clock ticks from the machine's boot to the process's start (proc(5), /proc/PID/stat, field 22).
    var ticks: UInt64
    /// Which boot (random(4), /proc/sys/kernel/random/boot_id).
    var boot: String

    /// The birth of a process that runs, or `nil`.
    static func of(_ pid: Int32) -> ProcessBirth? {
        guard let text = try? File.read("/proc/\(pid)/stat", atMost: 4096),
            let boot = try? File.read("/proc/sys/kernel/random/boot_id", atMost: 128),
            // The name, field 2, stands in parentheses and may hold anything, more of them too.
            let close = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: UInt8(ascii: " "))
        // The first field behind the name is number 3; a zombie ("Z") has ended.
        guard fields.count > 19, fields[0] != [UInt8(ascii: "Z")],
            let ticks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        return ProcessBirth(ticks: ticks, boot: String(decoding: boot.prefix { $0 != 0x0a }, as: UTF8.self))
    }
}
