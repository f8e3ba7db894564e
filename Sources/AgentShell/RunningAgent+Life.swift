import Agent
import Glibc
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Reloading, leaving, ending.
extension RunningAgent {
    /// How long an orderly leave may take.
    private static let leaveLimit: Nanoseconds = .seconds(15)
    /// How long answers under way have to be taken by their clients.
    private static let drainLimit: Nanoseconds = .seconds(1)

    /// Reads flags and files again and takes what they say, all of it or nothing; `done` gets what is wrong with them.
    func reload(_ done: @escaping (String?) -> Void = { _ in }) {
        log.write(.info, "agent: Reloading configuration...")
        let problem: String
        do throws(ConfigurationError) {
            let configuration = try sources.read()
            do throws(AgentCore.StartError) {
                try core.reload(configuration, now: now)
                log.level = LogLevel(name: configuration.logLevel) ?? log.level
                server.limitClients(to: Self.connectionsPerClient(core.configuration))
                readNameSettings()
                runWatches()
                pump { [log] problem in
                    if problem == nil { log.write(.info, "agent: Configuration reloaded") }
                    done(problem)
                }
                return
            } catch {
                problem = error.description
            }
        } catch {
            problem = error.description
        }
        // What was planned before the fault was found may have said something.
        pump()
        log.write(.error, "agent: Reload config failed, nothing was changed: error=\"\(problem)\"")
        done("1 error occurred:\n\t* Failed to reload configs: \(problem)\n\n")
    }

    /// What a signal asks for.
    package func signalled(_ number: Int32) {
        switch number {
        case SIGHUP:
            log.write(.info, "agent: Caught: signal=hangup")
            if !isEnding { reload() }
        case SIGINT, SIGTERM:
            log.write(.info, "agent: Caught: signal=\(number == SIGINT ? "interrupt" : "terminated")")
            if isEnding {
                // A second signal is an order, not a request.
                ending = .stopped
                finish()
                return
            }
            // This agent is always its own server, and servers do not leave unless told to.
            let configuration = core.configuration
            let leaves =
                number == SIGINT
                ? !(configuration.skipsLeaveOnInterrupt ?? true) : configuration.leavesOnTerminate ?? false
            if leaves {
                log.write(.info, "agent: Gracefully shutting down agent...")
                leave(then: nil)
            } else {
                stop()
            }
        default: break
        }
    }

    /// Ends in an orderly way: sidecars are stopped, then `responder` hears of it, then the process ends.
    func leave(then responder: Responder?) {
        guard !isEnding else {
            responder?.respond(core.answer(status: 500, text: "the agent is ending already"))
            return
        }
        isEnding = true
        ending = .left
        loop.schedule(after: Self.leaveLimit) { [self] in
            log.write(.error, "agent: leaving took longer than 15 s, ending now")
            ending = .stopped
            finish()
        }
        checks.stopAll()
        stopWatches()
        sidecars.stopAll { [self] in
            responder?.respond(core.emptyAnswer())
            closeServers()
        }
    }

    /// Ends without leaving. With a data folder sidecars run on, for the next agent to find; without one nobody could.
    private func stop() {
        isEnding = true
        ending = .stopped
        checks.stopAll()
        stopWatches()
        if sidecars.folder.isLasting {
            sidecars.leaveRunning()
            closeServers()
        } else {
            sidecars.stopAll { [self] in closeServers() }
        }
    }

    private func closeServers() {
        names.close()
        for address in httpAddresses {
            let network = address.isUnix ? "unix" : "tcp"
            log.write(.info, "agent: Stopping server: address=\(address) network=\(network) protocol=http")
        }
        core.releaseWaiters(now: now)
        pump { [self] _ in
            log.endMonitors()
            server.drain(within: Self.drainLimit) { [self] in
                log.write(.info, "agent: Endpoints down")
                finish()
            }
        }
    }

    private func finish() {
        log.write(.info, "agent: Exit code: code=\(ending.rawValue)")
        loop.stop()
    }
}
