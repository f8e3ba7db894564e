import AgentShell
import Kernel

/// Files that commands read for what they send; "-" is standard input.
enum InputFile {
    /// A file of more bytes than this is no definition of anything.
    static let largest = 8 << 20

    /// The bytes of `path`; `wording` makes the failure's sentence of Go's ("open x: no such file or directory").
    static func read(_ path: String, failing wording: (String) -> String) throws(Failure) -> [UInt8] {
        do throws(Errno) {
            return try File.read(path == "-" ? "/dev/stdin" : path, atMost: largest)
        } catch {
            throw Failure(wording("open \(path): \(error.goText)"))
        }
    }
}
