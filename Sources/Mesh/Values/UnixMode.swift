/// Permissions of a file as configurations write them.
public enum UnixMode {
    /// The number that octal digits such as "0660" stand for; `nil` for anything but one to four of them, 0777 at most.
    public static func parse(_ text: String) -> UInt16? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt16(text, radix: 8), mode <= 0o777
        else { return nil }
        return mode
    }
}
