/// Why bytes are not a DNS message.
public enum DNSFault: Error, Sendable, Hashable {
    /// The bytes end before the message does.
    case short
    /// A label's length is none.
    case label
    /// A name is longer than 255 bytes.
    case name
    /// A pointer does not point backwards.
    case pointer
    /// Data are not as long as they say.
    case data
    /// There is a second OPT record, or one that does not stand at the root.
    case option
    /// Something stands behind the message.
    case excess
}

extension DNSMessage {
    /// Reads a message. Every length is checked, every pointer must point to an earlier place, so nothing loops.
    public init(parsing bytes: [UInt8]) throws(DNSFault) {
        var reader = DNSReader(bytes: bytes)
        self.init()
        id = try reader.word()
        let flags = try reader.word()
        isResponse = flags & 0x8000 != 0
        opcode = UInt8(flags >> 11 & 15)
        isAuthoritative = flags & 0x0400 != 0
        isTruncated = flags & 0x0200 != 0
        wantsRecursion = flags & 0x0100 != 0
        offersRecursion = flags & 0x0080 != 0
        code = flags & 15
        let counts = [try reader.word(), try reader.word(), try reader.word(), try reader.word()]
        for _ in 0..<counts[0] {
            questions.append(
                DNSQuestion(
                    name: try reader.name(), type: DNSType(rawValue: try reader.word()),
                    classNumber: try reader.word()))
        }
        for _ in 0..<counts[1] { if let record = try reader.record(into: &self) { answers.append(record) } }
        for _ in 0..<counts[2] { if let record = try reader.record(into: &self) { authorities.append(record) } }
        for _ in 0..<counts[3] { if let record = try reader.record(into: &self) { additionals.append(record) } }
        guard reader.place == bytes.count else { throw .excess }
    }
}

/// Reads the parts of a message in order.
struct DNSReader {
    let bytes: [UInt8]
    var place = 0

    mutating func byte() throws(DNSFault) -> UInt8 {
        guard place < bytes.count else { throw .short }
        defer { place += 1 }
        return bytes[place]
    }

    mutating func word() throws(DNSFault) -> UInt16 {
        UInt16(try byte()) << 8 | UInt16(try byte())
    }

    mutating func long() throws(DNSFault) -> UInt32 {
        UInt32(try word()) << 16 | UInt32(try word())
    }

    mutating func take(_ count: Int) throws(DNSFault) -> [UInt8] {
        guard count <= bytes.count - place else { throw .short }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    /// A name, following pointers (RFC 1035, section 4.1.4).
    mutating func name() throws(DNSFault) -> DNSName {
        var labels: [[UInt8]] = []
        var length = 1
        var cursor = place
        var end: Int?
        // Each pointer must lead before the part of the name it ends, so there are fewer of them than bytes.
        var limit = place
        while true {
            guard cursor < bytes.count else { throw .short }
            let head = bytes[cursor]
            switch head >> 6 {
            case 0:
                cursor += 1
                if head == 0 {
                    place = end ?? cursor
                    return DNSName(unchecked: labels)
                }
                guard Int(head) <= bytes.count - cursor else { throw .short }
                length += Int(head) + 1
                guard length <= 255 else { throw .name }
                labels.append(Array(bytes[cursor..<cursor + Int(head)]))
                cursor += Int(head)
            case 3:
                guard cursor + 1 < bytes.count else { throw .short }
                let target = Int(head & 0x3f) << 8 | Int(bytes[cursor + 1])
                guard target < limit else { throw .pointer }
                end = end ?? cursor + 2
                cursor = target
                limit = target
            default: throw .label
            }
        }
    }

    /// A record; `nil` for an OPT record, which goes into the message's `edns`.
    mutating func record(into message: inout DNSMessage) throws(DNSFault) -> DNSRecord? {
        let name = try name()
        let type = DNSType(rawValue: try word())
        let classNumber = try word()
        let ttl = try long()
        let count = Int(try word())
        let end = place + count
        guard end <= bytes.count else { throw .short }
        if type == .opt {
            guard name == .root, message.edns == nil else { throw .option }
            message.edns = DNSMessage.EDNS(size: classNumber, version: UInt8(truncatingIfNeeded: ttl >> 16))
            message.code |= UInt16(ttl >> 24) << 4
            place = end
            return nil
        }
        let data = try data(of: type, until: end)
        guard place == end else { throw .data }
        return DNSRecord(name: name, ttl: ttl, data: data)
    }

    private mutating func data(of type: DNSType, until end: Int) throws(DNSFault) -> DNSData {
        switch type {
        case .a:
            guard end - place == 4 else { throw .data }
            return .address(.v4(try take(4)))
        case .aaaa:
            guard end - place == 16 else { throw .data }
            return .address(.v6(try take(16)))
        case .ns: return .ns(try name())
        case .cname: return .cname(try name())
        case .ptr: return .ptr(try name())
        case .soa:
            return .soa(
                server: try name(), mailbox: try name(), serial: try long(), refresh: try long(), retry: try long(),
                expire: try long(), minimum: try long())
        case .srv:
            return .srv(priority: try word(), weight: try word(), port: try word(), target: try name())
        case .txt:
            var texts: [[UInt8]] = []
            while place < end { texts.append(try take(Int(try byte()))) }
            return .txt(texts)
        default: return .other(type, try take(end - place))
        }
    }
}
