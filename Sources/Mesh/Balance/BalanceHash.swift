/// Hashes for the policies that choose by a key, and for the keys of instances. The same in every process and on every
/// machine, so that all sidecars send one key to one instance.
public enum BalanceHash {
    /// The hash of some bytes, for instance a source address or identity.
    public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        // FNV-1a leaves the high bits of short inputs nearly alike.
        return SplitMix64.mix(value)
    }

    /// The hash of a text.
    public static func of(_ text: String) -> UInt64 { of(text.utf8) }

    /// The key of a service instance in an `InstancePool`.
    public static func instance(node: String, serviceID: String) -> UInt64 {
        var bytes = Array(node.utf8)
        bytes.append(0)
        bytes.append(contentsOf: serviceID.utf8)
        return of(bytes)
    }

    /// One of many hashes derived from `key`.
    static func derived(_ key: UInt64, _ number: Int) -> UInt64 {
        SplitMix64.mix(key &+ UInt64(number + 1) &* 0x9e37_79b9_7f4a_7c15)
    }
}
