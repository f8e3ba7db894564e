extension DNSMessage {
    /// The message's bytes, names compressed, if `compresses`, as RFC 1035, section 4.1.4, allows: those of questions, owners, and the data of
    /// NS, CNAME, PTR and SOA. The target of an SRV record stands in full (RFC 2782), but later names may point into it.
    public var bytes: [UInt8] {
        var writer = DNSWriter(compresses: compresses)
        writer.word(id)
        var flags: UInt16 = isResponse ? 0x8000 : 0
        flags |= UInt16(opcode & 15) << 11
        if isAuthoritative { flags |= 0x0400 }
        if isTruncated { flags |= 0x0200 }
        if wantsRecursion { flags |= 0x0100 }
        if offersRecursion { flags |= 0x0080 }
        writer.word(flags | code & 15)
        writer.word(UInt16(questions.count))
        writer.word(UInt16(answers.count))
        writer.word(UInt16(authorities.count))
        writer.word(UInt16(additionals.count + (edns == nil ? 0 : 1)))
        for question in questions {
            writer.name(question.name, compress: true)
            writer.word(question.type.rawValue)
            writer.word(question.classNumber)
        }
        for record in answers + authorities + additionals { writer.record(record) }
        if let edns {
            writer.bytes.append(0)
            writer.word(DNSType.opt.rawValue)
            writer.word(edns.size)
            writer.long(UInt32(code >> 4) << 24 | UInt32(edns.version) << 16)
            writer.word(0)
        }
        return writer.bytes
    }
}

/// Writes the parts of a message in order.
private struct DNSWriter {
    let compresses: Bool
    var bytes: [UInt8] = []
    /// Where each name, and each tail of one, stands for the first time.
    private var places: [[[UInt8]]: Int] = [:]

    init(compresses: Bool) { self.compresses = compresses }

    mutating func word(_ value: UInt16) {
        bytes.append(UInt8(value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func long(_ value: UInt32) {
        word(UInt16(value >> 16))
        word(UInt16(truncatingIfNeeded: value))
    }

    /// A name. Tails are found with their case, so that what is asked in capitals is answered in capitals.
    mutating func name(_ name: DNSName, compress: Bool) {
        for start in name.labels.indices {
            let tail = Array(name.labels[start...])
            if let place = places[tail] {
                if compress && compresses {
                    word(0xc000 | UInt16(place))
                    return
                }
            } else if bytes.count < 0x4000 {
                places[tail] = bytes.count
            }
            bytes.append(UInt8(name.labels[start].count))
            bytes.append(contentsOf: name.labels[start])
        }
        bytes.append(0)
    }

    mutating func record(_ record: DNSRecord) {
        name(record.name, compress: true)
        word(record.data.type.rawValue)
        word(1)
        long(record.ttl)
        let length = bytes.count
        word(0)
        data(record.data)
        let count = bytes.count - length - 2
        bytes[length] = UInt8(truncatingIfNeeded: count >> 8)
        bytes[length + 1] = UInt8(truncatingIfNeeded: count)
    }

    private mutating func data(_ data: DNSData) {
        switch data {
        case .address(let address): bytes.append(contentsOf: address.bytes)
        case .ns(let target), .cname(let target), .ptr(let target): name(target, compress: true)
        case .soa(let server, let mailbox, let serial, let refresh, let retry, let expire, let minimum):
            name(server, compress: true)
            name(mailbox, compress: true)
            for number in [serial, refresh, retry, expire, minimum] { long(number) }
        case .srv(let priority, let weight, let port, let target):
            word(priority)
            word(weight)
            word(port)
            name(target, compress: false)
        case .txt(let texts):
            for text in texts {
                let part = text.prefix(255)
                bytes.append(UInt8(part.count))
                bytes.append(contentsOf: part)
            }
        case .other(_, let raw): bytes.append(contentsOf: raw)
        }
    }
}
