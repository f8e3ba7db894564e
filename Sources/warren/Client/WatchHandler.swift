import AgentShell
import CWarren
import Glibc
import JSON
import Kernel
import Reactor

/// The program that a watch runs for each change.
struct WatchHandler {
    private let program: String
    private let arguments: [String]

    init(_ words: [String], usesShell: Bool) {
        if usesShell {
            program = environment("SHELL") ?? "/bin/sh"
            arguments = [program, "-c", words.joined(separator: " ")]
        } else {
            program = words[0]
            arguments = words
        }
    }

    /// Runs the program with the JSON of `news` on its standard input and waits for its end. A failing program ends the
    /// watch; an interrupt goes to the program first.
    func run(_ news: Value, index: UInt64, _ client: AgentClient) throws(Failure) {
        let child: ChildProcess
        do throws(Errno) {
            let number = warren_memory_file("watch")
            guard number >= 0 else { throw Errno(-number) }
            let input = Descriptor(owning: number)
            let bytes = news.bytes() + [0x0a]
            guard bytes.withUnsafeBytes({ write($0, to: input.raw) }), lseek(input.raw, 0, SEEK_SET) == 0 else {
                throw Errno(errno)
            }
            child = try ChildProcess(adopting: try spawn(input.raw, index))
        } catch {
            throw Failure("Error starting handler: \(program): \(error.goText)")
        }
        let descriptor = child.descriptor.raw
        client.onInterrupt = { signal in
            _ = warren_pidfd_signal(descriptor, signal)
            exit(0)
        }
        defer { client.onInterrupt = { _ in exit(0) } }
        do throws(Errno) {
            let watch = try client.loop.onExit(of: descriptor) { [loop = client.loop] in loop.stop() }
            client.loop.run()
            client.loop.unwatch(watch)
        } catch {
            throw Failure("Error waiting for handler: \(error.goText)")
        }
        switch child.reap() {
        case .status(0)?: break
        case .status(let status)?: throw Failure("Error executing handler: exit status \(status)")
        case .signal(let signal)?: throw Failure("Error executing handler: signal \(signal)")
        case .unknown?, nil: throw Failure("Error executing handler: its end cannot be told")
        }
    }

    /// posix_spawn(3) with `input` as standard input; the child catches signals as if we had not blocked them.
    private func spawn(_ input: Int32, _ index: UInt64) throws(Errno) -> pid_t {
        let environment = try inherited().filter { !$0.hasPrefix("CONSUL_INDEX=") } + ["CONSUL_INDEX=\(index)"]
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            for text in argv + envp { free(text) }
        }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        sigaddset(&mask, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, program, &actions, &attributes, argv, envp)
        guard code == 0 else { throw Errno(code) }
        return pid
    }

    /// Our environment, which Glibc's `environ` would show only as a variable that Swift 6 cannot know to be safe.
    private func inherited() throws(Errno) -> [String] {
        try File.read("/proc/self/environ", atMost: 16 << 20).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
