import Glibc

extension SQLiteDatabase {
    /// Opens the store at `path`, making it if it is not there.
    ///
    /// A new one is made whole under another name and then renamed, so that a crash leaves either no store or an empty one.
    static func open(_ path: String, in folder: String) throws(StoreError) -> SQLiteDatabase {
        switch try SQLiteFile.inspect(path) {
        case .absent: try create(path, in: folder)
        case .ours(let version):
            guard version <= Self.version else { throw .newer(path: path, version: version, known: Self.version) }
            try SQLiteFile.tighten(path)
        }
        let database = try SQLiteDatabase(opening: path)
        try database.settle()
        try database.verify()
        // With the lock in hand, what a crash left of an attempt to make the store is nobody's.
        SQLiteFile.removeUnfinished(of: path, in: folder)
        return database
    }

    /// Sets what holds for this connection. The exclusive lock is taken here and kept: one agent, one store.
    private borrowing func settle() throws(StoreError) {
        try run("PRAGMA locking_mode = EXCLUSIVE")
        // A lock left by a process that is just dying is gone in milliseconds.
        try run("PRAGMA busy_timeout = 500")
        guard try text("PRAGMA journal_mode = WAL") == "wal" else {
            throw .failed(path: path, detail: "the file system does not let SQLite keep a write-ahead log")
        }
        try run("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        // 512 KiB: the contents live in the agent's own memory, the store is only written.
        try run("PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 0")
        // Takes the lock now rather than with the first batch.
        try run("BEGIN IMMEDIATE; COMMIT")
    }

    private borrowing func verify() throws(StoreError) {
        let version = Int(try text("PRAGMA user_version")) ?? 0
        guard version <= Self.version else { throw .newer(path: path, version: version, known: Self.version) }
        guard version == Self.version else { throw .foreign(path: path) }
        let verdict = try text("PRAGMA quick_check(1)")
        guard verdict == "ok" else { throw .corrupt(path: path, detail: verdict) }
    }

    private static func create(_ path: String, in folder: String) throws(StoreError) {
        // A name of our own: another process may be making the store too, and only one of us will rename.
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let temporary = "\(path).new.\(getpid()).\(time.tv_sec).\(time.tv_nsec)"
        try SQLiteFile.create(temporary)
        do throws(StoreError) {
            let database = try SQLiteDatabase(opening: temporary)
            try database.run(
                """
                PRAGMA synchronous = FULL;
                BEGIN IMMEDIATE;
                CREATE TABLE records (
                    kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
                ) WITHOUT ROWID;
                CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
                CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), last_index INTEGER NOT NULL);
                INSERT INTO progress VALUES (1, 0);
                PRAGMA application_id = \(SQLiteFile.applicationID);
                PRAGMA user_version = \(version);
                COMMIT;
                """)
        } catch {
            SQLiteFile.remove(temporary)
            throw error
        }
        try SQLiteFile.publish(temporary, as: path, in: folder)
    }

    /// Everything in the store.
    borrowing func contents() throws(StoreError) -> StoreContents {
        var contents = StoreContents()
        let records = try prepare("SELECT kind, key, value FROM records ORDER BY kind, key")
        while try records.step(self) {
            contents.records.append(
                StoreRecord(kind: records.text(0), key: records.text(1), value: records.bytes(2)))
        }
        let facts = try prepare("SELECT name, value FROM facts")
        while try facts.step(self) { contents.facts[facts.text(0)] = facts.bytes(1) }
        let progress = try prepare("SELECT last_index FROM progress WHERE id = 1")
        guard try progress.step(self) else { throw .corrupt(path: path, detail: "the index is missing") }
        contents.index = UInt64(bitPattern: progress.number(0))
        return contents
    }
}

extension SQLiteFile {
    /// Removes an unfinished file and what SQLite may have put beside it.
    static func remove(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }

    /// Removes every unfinished file for the store at `path`.
    static func removeUnfinished(of path: String, in folder: String) {
        guard let list = opendir(folder) else { return }
        defer { closedir(list) }
        let start = path.dropFirst(folder.utf8.count + 1) + ".new."
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(start) { unlink("\(folder)/\(name)") }
        }
    }
}
