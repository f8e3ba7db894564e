import Kernel

extension Errno {
    /// The sentence as Go writes it, whose errors begin with a small letter.
    package var goText: String {
        let text = description
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
