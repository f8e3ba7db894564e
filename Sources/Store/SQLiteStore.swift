import Glibc

/// A store in one SQLite file, `<folder>/warren.db`, written by a thread of its own.
///
/// A batch is acknowledged when it is on the disk (write-ahead log, flushed with each transaction); batches that wait
/// together share one flush. One process has the store at a time.
public final class SQLiteStore: Store {
    /// The file.
    public let path: String
    private let initial: StoreContents
    private let queue = CommitQueue()
    private let thread: pthread_t

    /// Opens the store in `folder`, making both if they are not there (modes 0700 and 0600), and reads it whole.
    ///
    /// - Throws: see `StoreError`; whatever is wrong, nothing that was there is overwritten.
    public init(folder: String) throws(StoreError) {
        try SQLiteFile.makeFolder(folder)
        path = "\(folder)/warren.db"
        let database = try SQLiteDatabase.open(path, in: folder)
        initial = try database.contents()
        let writer = WriterThread(writer: try SQLiteWriter(database), queue: queue)
        thread = try writer.start(path)
    }

    deinit {
        close()
    }

    /// What was there when the store was opened.
    public func load() -> StoreContents { initial }

    /// Hands the batch to the writer thread, which calls `completion`.
    public func commit(_ batch: StoreBatch, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        if !queue.push(CommitQueue.Job(batch: batch, completion: completion)) { completion(.failure(.closed)) }
    }

    /// Waits until everything is written and the file is closed. Not to be called from a completion.
    public func close() {
        guard queue.close() else { return }
        precondition(pthread_equal(thread, pthread_self()) == 0, "a store is closed from its own writer thread")
        pthread_join(thread, nil)
    }
}

/// What the writer thread owns. Handed over once, from the opener to the thread, hence unchecked.
private final class WriterThread: @unchecked Sendable {
    private var writer: SQLiteWriter
    private let queue: CommitQueue

    /// As many batches as share a flush at most: enough to make the flush cheap, few enough that nobody waits long.
    private static let group = 256

    init(writer: consuming SQLiteWriter, queue: CommitQueue) {
        self.writer = writer
        self.queue = queue
    }

    func start(_ path: String) throws(StoreError) -> pthread_t {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        // Signals from outside are the business of the thread that called; this one is to be interrupted by none. Those
        // that a thread brings on itself stay as they are.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        for own in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGXFSZ] { sigdelset(&all, own) }
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<WriterThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            context.release()
            throw .unreachable(path: path, reason: "no thread to write with: \(SQLiteFile.reason(code))")
        }
        return thread
    }

    private func run() {
        while let jobs = queue.take() {
            var rest = jobs[...]
            while !rest.isEmpty {
                let group = rest.prefix(Self.group)
                rest = rest.dropFirst(Self.group)
                let results = writer.write(group.map(\.batch)[...])
                for (job, result) in zip(group, results) { job.completion(result) }
            }
        }
    }
}
