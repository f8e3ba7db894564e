/// The statements that write, and the transactions around them. Lives on the writer thread.
struct SQLiteWriter: ~Copyable {
    private let database: SQLiteDatabase
    private let put: SQLiteStatement
    private let delete: SQLiteStatement
    private let putFact: SQLiteStatement
    private let deleteFact: SQLiteStatement
    private let setIndex: SQLiteStatement
    /// After a fault of the disk it is unknown what a further write would do, so there is none.
    private var broken: StoreError?

    init(_ database: consuming SQLiteDatabase) throws(StoreError) {
        // All or nothing: fields that own something cannot be left half set.
        let put = try database.prepare(
            "INSERT INTO records VALUES (?1, ?2, ?3) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value")
        let delete = try database.prepare("DELETE FROM records WHERE kind = ?1 AND key = ?2")
        let putFact = try database.prepare(
            "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        let deleteFact = try database.prepare("DELETE FROM facts WHERE name = ?1")
        let setIndex = try database.prepare("UPDATE progress SET last_index = ?1 WHERE id = 1")
        self.put = put
        self.delete = delete
        self.putFact = putFact
        self.deleteFact = deleteFact
        self.setIndex = setIndex
        self.database = database
    }

    /// Writes several batches with one flush of the disk; if that fails, each by itself, so that one that does not fit
    /// does not take the others with it.
    mutating func write(_ batches: ArraySlice<StoreBatch>) -> [Result<Void, StoreError>] {
        if batches.count > 1, broken == nil {
            if case .success = transaction(batches) { return batches.map { _ in .success(()) } }
        }
        return batches.indices.map { transaction(batches[$0...$0]) }
    }

    private mutating func transaction(_ batches: ArraySlice<StoreBatch>) -> Result<Void, StoreError> {
        if let broken { return .failure(broken) }
        do throws(StoreError) {
            try database.run("BEGIN IMMEDIATE")
            for batch in batches { try apply(batch) }
            try database.run("COMMIT")
            return .success(())
        } catch {
            // SQLite has often rolled back already and then says that there is nothing to roll back.
            try? database.run("ROLLBACK")
            switch error {
            case .full, .locked: break
            default: broken = error
            }
            return .failure(error)
        }
    }

    private borrowing func apply(_ batch: StoreBatch) throws(StoreError) {
        for key in batch.deletes {
            try delete.bind(1, key.kind, database)
            try delete.bind(2, key.key, database)
            try delete.execute(database)
        }
        for record in batch.puts {
            try put.bind(1, record.kind, database)
            try put.bind(2, record.key, database)
            try put.bind(3, record.value, database)
            try put.execute(database)
        }
        for (name, value) in batch.facts {
            if let value {
                try putFact.bind(1, name, database)
                try putFact.bind(2, value, database)
                try putFact.execute(database)
            } else {
                try deleteFact.bind(1, name, database)
                try deleteFact.execute(database)
            }
        }
        if let index = batch.index {
            try setIndex.bind(1, Int64(bitPattern: index), database)
            try setIndex.execute(database)
        }
    }
}
