/// Why a program cannot take part in the mesh, as a sentence that says what to do.
public struct ConnectFault: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
