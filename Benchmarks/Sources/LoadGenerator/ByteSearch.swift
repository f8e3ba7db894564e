extension UnsafeRawBufferPointer {
    /// Where `needle` begins, by trying each place: heads of requests are a hundred bytes, and Glibc's module leaves
    /// memmem(3) out.
    func place(of needle: StaticString) -> Int? {
        let count = needle.utf8CodeUnitCount
        guard self.count >= count else { return nil }
        let bytes = needle.utf8Start
        for start in 0...(self.count - count) where self[start] == bytes[0] {
            var length = 1
            while length < count, self[start + length] == bytes[length] { length += 1 }
            if length == count { return start }
        }
        return nil
    }
}
