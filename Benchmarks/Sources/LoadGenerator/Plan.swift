import Kernel

/// A whole run of the load generator: groups of connections that work at the same time over one loop.
public struct LoadPlan: Sendable {
    /// Where the proxy, or the server itself, listens.
    public var target: SocketAddress
    /// What runs.
    public var groups: [GroupPlan]
    /// Running before the window: buffers fill, windows open.
    public var warmup: Nanoseconds
    /// The measured window.
    public var duration: Nanoseconds
    /// Processes whose CPU time over the window is wanted.
    public var watched: [Int]
    /// How long setting every connection up may take, and how long one request.
    public var patience: Nanoseconds

    /// A plan of these parts.
    public init(
        target: SocketAddress, groups: [GroupPlan], warmup: Nanoseconds = .milliseconds(300),
        duration: Nanoseconds = .seconds(2), watched: [Int] = [], patience: Nanoseconds = .seconds(20)
    ) {
        self.target = target
        self.groups = groups
        self.warmup = warmup
        self.duration = duration
        self.watched = watched
        self.patience = patience
    }
}

/// Connections of one kind.
public struct GroupPlan: Sendable, Equatable {
    /// What the connections do.
    public enum Work: String, Sendable, CaseIterable {
        /// Streams as fast as they go, or as slowly as told.
        case bulk
        /// A request after another over connections that stay.
        case request
        /// A connection for each request.
        case connect
        /// Connections that are opened, used once and then only there.
        case hold
    }

    /// What the connections do.
    public var work: Work
    /// How many there are; with `connect`, how many at once.
    public var count: Int
    /// Which way bulk goes.
    public var direction = BulkDirection.to
    /// Bytes a bulk stream reads in a second, 0 for no limit: slow readers.
    public var readRate = 0
    /// Bytes of a response's body.
    public var responseBytes = 64
    /// Requests in a second over all connections, each timed from when it was planned (open loop); 0 sends the next
    /// when the last is answered (closed loop).
    public var rate = 0.0

    /// A group of `count` connections.
    public init(_ work: Work, count: Int) {
        self.work = work
        self.count = count
    }

    /// What is wrong with a group's text, for the person who wrote it.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Reads "bulk,count=8,direction=from", "request,count=64,bytes=1024,rate=5000".
    public init(parsing text: String) throws(Malformed) {
        var parts = text.split(separator: ",", omittingEmptySubsequences: false)[...]
        let name = parts.removeFirst()
        guard let work = Work(rawValue: String(name)) else {
            throw Malformed(description: "\"\(name)\" is no kind of load; want bulk, request, connect or hold")
        }
        self.init(work, count: 1)
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { throw Malformed(description: "\"\(part)\" is not KEY=VALUE") }
            try set(String(pair[0]), String(pair[1]))
        }
    }

    private mutating func set(_ key: String, _ value: String) throws(Malformed) {
        func number(_ range: ClosedRange<Int>) throws(Malformed) -> Int {
            guard let number = Int(value), range.contains(number) else {
                throw Malformed(
                    description: "\(key)=\(value): want a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        switch (key, work) {
        case ("count", _): count = try number(1...100_000)
        case ("direction", .bulk):
            guard let direction = BulkDirection(rawValue: value) else {
                throw Malformed(description: "direction=\(value): want to, from, duplex or echo")
            }
            self.direction = direction
        case ("read-rate", .bulk): readRate = try number(1...1_000_000_000)
        case ("bytes", .request), ("bytes", .connect): responseBytes = try number(0...(16 << 20))
        case ("rate", .request), ("rate", .connect):
            guard let rate = Double(value), rate > 0, rate <= 10_000_000 else {
                throw Malformed(description: "rate=\(value): want requests a second, more than 0")
            }
            self.rate = rate
        default: throw Malformed(description: "\(work) has no setting \"\(key)\"")
        }
    }
}
