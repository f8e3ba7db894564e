import Agent

// Log has levels of its own; here the word always means the core's, whose lines these are.
package typealias LogLevel = Agent.LogLevel

/// Why the agent cannot start, as the sentence printed behind "==> ".
package struct AgentFault: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
