import Agent
import Glibc
import Kernel
import Reactor

/// Processes: starting them, and finding those that an earlier agent started.
extension SidecarSupervisor {
    /// Starts the process of a sidecar that is to run.
    func launch(_ id: String) {
        guard let spec = sidecars[id]?.spec else { return }
        sidecars[id]?.startedAt = Clock.monotonic
        guard let program = spec.command.first, let path = Programs.find(program) else {
            let program = spec.command.first ?? ""
            log.write(.error, "agent.proxy: the sidecar's program cannot be run: id=\(id) command=\(program)")
            retry(id)
            return
        }
        do throws(Errno) {
            let output = try folder.openLog(id, "stdout")
            let error = try folder.openLog(id, "stderr")
            let process = try ChildProcess(
                ChildProcess.Launch(
                    path: path, arguments: spec.command, environment: environment(spec), output: output.raw,
                    error: error.raw, newSession: true, endsWithUs: !folder.isLasting))
            let pid = process.pid
            try watch(Child(process), of: id)
            note(spec, pid)
            log.write(.info, "agent.proxy: started sidecar: id=\(id) pid=\(pid)")
        } catch {
            log.write(.error, "agent.proxy: cannot start sidecar: id=\(id) error=\"\(error)\"")
            retry(id)
        }
    }

    private func watch(_ child: Child, of id: String) throws(Errno) {
        do throws(Errno) {
            child.watch = try loop.onExit(of: child.process.descriptor.raw) { [weak self] in self?.ended(id) }
        } catch {
            // A process that cannot be watched cannot be stopped later either.
            child.process.signal(SIGKILL)
            throw error
        }
        sidecars[id]?.child = child
    }

    private func note(_ spec: SidecarSpec, _ pid: Int32) {
        guard folder.isLasting, let birth = ProcessBirth.of(pid) else { return }
        do throws(Errno) {
            try folder.write(
                SidecarRecord(
                    id: spec.id, pid: pid, birth: birth, command: spec.command, token: spec.token,
                    agentAddress: agentAddress))
        } catch {
            log.write(
                .warn, "agent.proxy: a restarted agent will not find this sidecar: id=\(spec.id) error=\"\(error)\"")
        }
    }

    /// The sidecar's environment: what it needs to find us and itself, and the few variables programs rely on.
    private func environment(_ spec: SidecarSpec) -> [String] {
        var entries = [
            "CONNECT_PROXY_ID=\(spec.id)", "CONNECT_PROXY_TOKEN=\(spec.token)", "CONSUL_HTTP_ADDR=\(agentAddress)",
        ]
        for name in ["PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH", "WARREN_ACCELERATOR"] {
            if let value = getenv(name) { entries.append("\(name)=\(String(cString: value))") }
        }
        return entries
    }

    /// Takes over a process that an earlier agent started, if it still runs: the descriptor is opened first and the
    /// process's birth looked at then, so that a number used again is never taken for it. Whether it was there.
    func adopt(_ record: SidecarRecord) -> Bool {
        do throws(Errno) {
            let process = try ChildProcess(adopting: record.pid)
            if ProcessBirth.of(record.pid) == record.birth {
                try watch(Child(process), of: record.id)
                sidecars[record.id]?.startedAt = Clock.monotonic
                log.write(.info, "agent.proxy: found running sidecar: id=\(record.id) pid=\(record.pid)")
                return true
            }
        } catch {
            // It has ended.
        }
        folder.removeRecord(record.id)
        return false
    }
}
