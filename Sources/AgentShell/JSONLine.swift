import JSON

/// A log line in JSON, with the keys of hashicorp/go-hclog.
struct JSONLine {
    var level: String
    var module: String
    var message: String
    var time: String

    var bytes: [UInt8] {
        let value: Value = [
            "@level": .string(level), "@message": .string(message), "@module": .string(module),
            "@timestamp": .string(time),
        ]
        return value.bytes() + [0x0a]
    }
}
