import CWarren

// How values cross to C and back. A C function answers 0 or a fault (warren_pki.h); these turn the fault into a throw on
// the same thread, before anything else can touch OpenSSL's error queue.

/// Throws what `answer` means unless it is 0.
func check(_ answer: Int32, _ subject: @autoclosure () -> String) throws(PKIError) {
    if answer != 0 { throw PKIError(fault: answer, subject()) }
}

/// The object that `make` writes; one reference, the caller's.
func made(
    _ subject: @autoclosure () -> String, _ make: (inout OpaquePointer?) -> Int32
) throws(PKIError) -> OpaquePointer {
    var object: OpaquePointer?
    let answer = make(&object)
    guard answer == 0, let object else { throw PKIError(fault: answer, subject()) }
    return object
}

/// The bytes that `write` produces, copied; C's own copy is wiped.
func bytes(
    _ subject: @autoclosure () -> String, _ write: (inout warren_text) -> Int32
) throws(PKIError) -> [UInt8] {
    var text = warren_text()
    let answer = write(&text)
    guard answer == 0 else { throw PKIError(fault: answer, subject()) }
    defer { warren_text_free(&text) }
    return [UInt8](UnsafeBufferPointer(start: text.bytes, count: text.size))
}

/// The UTF-8 text that `write` produces.
func text(
    _ subject: @autoclosure () -> String, _ write: (inout warren_text) -> Int32
) throws(PKIError) -> String {
    var text = warren_text()
    let answer = write(&text)
    guard answer == 0 else { throw PKIError(fault: answer, subject()) }
    defer { warren_text_free(&text) }
    return String(decoding: UnsafeBufferPointer(start: text.bytes, count: text.size), as: UTF8.self)
}

/// The names that `visit` calls back with. They are ASCII: C refuses certificates where they are not.
func names(
    _ subject: @autoclosure () -> String,
    _ visit: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, Int) -> Int32, UnsafeMutableRawPointer)
        -> Int32
) throws(PKIError) -> [String] {
    var names: [String] = []
    let answer = withUnsafeMutablePointer(to: &names) { list in
        visit(
            { list, name, size in
                list!.assumingMemoryBound(to: [String].self).pointee
                    .append(String(decoding: UnsafeBufferPointer(start: name, count: size), as: UTF8.self))
                return 0
            }, list)
    }
    guard answer == 0 else { throw PKIError(fault: answer, subject()) }
    return names
}

/// Calls `body` with `strings` as C strings, which live until it returns. No string may hold a NUL.
func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?, Int) -> R) -> R {
    var characters: [CChar] = []
    var starts: [Int] = []
    for string in strings {
        starts.append(characters.count)
        characters.append(contentsOf: string.utf8CString)
    }
    return characters.withUnsafeBufferPointer { characters in
        let pointers: [UnsafePointer<CChar>?] = starts.map { characters.baseAddress! + $0 }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
}

/// Calls `body` with `string` as a C string, or with NULL.
func withCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    if let string { return string.withCString(body) }
    return body(nil)
}

/// Throws unless every name is one that a certificate can carry: not empty, printable ASCII, no blank.
func checkNames(_ names: [String], _ kind: String, _ subject: @autoclosure () -> String) throws(PKIError) {
    for name in names where name.isEmpty || !name.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
        throw PKIError(
            .invalidName, subject(), "the \(kind) name \(name.debugDescription) must be printable ASCII, not empty")
    }
}

/// Throws when a common name holds a control character, which C would cut at or a log would obey.
func checkCommonName(_ name: String?, _ subject: @autoclosure () -> String) throws(PKIError) {
    guard let name else { return }
    if name.isEmpty || name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
        throw PKIError(
            .invalidName, subject(), "the common name \(name.debugDescription) is empty or holds a control character")
    }
}
