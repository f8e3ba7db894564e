import CSQLite
import Glibc

/// One connection to a SQLite database and its prepared statements: a thin wrapper, one call a function.
///
/// Used by one thread at a time: by the opener until the writer thread starts, by that thread from then on.
struct SQLiteDatabase: ~Copyable {
    private let handle: OpaquePointer
    let path: String

    /// SQLITE_IOERR_WRITE, a macro too involved for the importer.
    private static let writeFault = SQLITE_IOERR | 3 << 8

    /// The schema this program writes.
    static let version = 1

    init(opening path: String) throws(StoreError) {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(
            path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nil)
        guard code == SQLITE_OK, let handle else {
            let text = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw .unreachable(path: path, reason: text)
        }
        self.handle = handle
        self.path = path
        sqlite3_extended_result_codes(handle, 1)
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// Runs statements without parameters and drops their rows.
    borrowing func run(_ sql: String) throws(StoreError) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// The first column of the first row as text, empty if there is none.
    borrowing func text(_ sql: String) throws(StoreError) -> String {
        let statement = try prepare(sql)
        return try statement.step(self) ? statement.text(0) : ""
    }

    borrowing func prepare(_ sql: String) throws(StoreError) -> SQLiteStatement {
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil))
        guard let statement else { throw .failed(path: path, detail: "an empty statement") }
        return SQLiteStatement(handle: statement)
    }

    /// Turns a result code into a throw, reading the connection's words for it.
    borrowing func check(_ code: Int32) throws(StoreError) {
        guard code != SQLITE_OK, code != SQLITE_ROW, code != SQLITE_DONE else { return }
        throw fault(code)
    }

    borrowing func fault(_ code: Int32) -> StoreError {
        let system = warren_sqlite_errno(handle)
        let words = String(cString: sqlite3_errmsg(handle))
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: return .locked(path: path)
        case SQLITE_FULL: return .full(path: path)
        case SQLITE_IOERR where code == Self.writeFault && [ENOSPC, EDQUOT, EFBIG].contains(system):
            // SQLite calls only ENOSPC a full disk; a quota and a limit of file size are the same to us.
            return .full(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt(path: path, detail: words)
        case SQLITE_IOERR:
            return .failed(path: path, detail: system == 0 ? words : "\(words): \(SQLiteFile.reason(system))")
        default: return .failed(path: path, detail: words)
        }
    }
}

/// A prepared statement.
struct SQLiteStatement: ~Copyable {
    private let handle: OpaquePointer

    init(handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Sets parameter `place`, from 1.
    borrowing func bind(_ place: Int32, _ text: String, _ database: borrowing SQLiteDatabase) throws(StoreError) {
        var text = text
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                // A null pointer would bind NULL; an empty text has to point somewhere.
                warren_sqlite_bind_text(handle, place, $0.baseAddress ?? emptyText, UInt64($0.count))
            }
        }
        try database.check(code)
    }

    /// Sets parameter `place`, from 1.
    borrowing func bind(_ place: Int32, _ bytes: [UInt8], _ database: borrowing SQLiteDatabase) throws(StoreError) {
        let code = bytes.withUnsafeBytes { warren_sqlite_bind_blob(handle, place, $0.baseAddress, UInt64($0.count)) }
        try database.check(code)
    }

    /// Sets parameter `place`, from 1.
    borrowing func bind(_ place: Int32, _ number: Int64, _ database: borrowing SQLiteDatabase) throws(StoreError) {
        try database.check(sqlite3_bind_int64(handle, place, number))
    }

    /// The next row; false at the end.
    borrowing func step(_ database: borrowing SQLiteDatabase) throws(StoreError) -> Bool {
        let code = sqlite3_step(handle)
        try database.check(code)
        return code == SQLITE_ROW
    }

    /// Runs the statement to its end and makes it ready for other parameters.
    borrowing func execute(_ database: borrowing SQLiteDatabase) throws(StoreError) {
        defer { sqlite3_reset(handle) }
        while try step(database) {}
    }

    borrowing func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    borrowing func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    borrowing func number(_ column: Int32) -> Int64 {
        sqlite3_column_int64(handle, column)
    }
}

/// One byte, never read as anything but an empty text.
nonisolated(unsafe) private let emptyText: UnsafePointer<CChar> = {
    let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    byte.pointee = 0
    return UnsafePointer(byte)
}()
