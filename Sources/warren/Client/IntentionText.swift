import Glibc
import JSON
import Mesh

/// Intentions as the commands print them.
enum IntentionText {
    /// "web => db (allow)".
    static func line(_ intention: Value) -> String {
        "\(name(intention, "Source")) => \(name(intention, "Destination")) (\(effect(intention)))"
    }

    /// A side's name, with its namespace if that is not the default one.
    static func name(_ intention: Value, _ side: String) -> String {
        let object = intention.object ?? Object()
        let name = object[folding: side + "Name"]?.string ?? ""
        let namespace = object[folding: side + "NS"]?.string ?? ""
        return namespace.isEmpty || namespace == "default" ? name : "\(namespace)/\(name)"
    }

    /// The action, or how many permissions stand in its place.
    private static func effect(_ intention: Value) -> String {
        switch intention["Permissions"]?.array?.count ?? 0 {
        case 0: intention.object?[folding: "Action"]?.string ?? ""
        case 1: "1 permission"
        case let count: "\(count) permissions"
        }
    }

    /// Everything about one intention, a line each.
    static func block(_ intention: Value) -> String {
        var rows = [
            ["Source:", name(intention, "Source")], ["Destination:", name(intention, "Destination")],
            ["Action:", effect(intention)],
        ]
        if let id = intention["ID"]?.string, !id.isEmpty { rows.append(["ID:", id]) }
        if let text = intention["Description"]?.string, !text.isEmpty { rows.append(["Description:", text]) }
        for member in intention["Meta"]?.object?.sorted().members ?? [] {
            rows.append(["Meta[\(member.key)]:", member.value.string ?? ""])
        }
        if let created = intention["CreatedAt"]?.string, let moment = Timestamp(rfc3339: created) {
            rows.append(["Created At:", dayAndTime(moment)])
        }
        return columns(rows)
    }

    /// All of them, a row each.
    static func table(_ intentions: [Value]) -> String {
        columns(
            [["ID", "Source", "Action", "Destination", "Precedence"]]
                + intentions.map { intention in
                    [
                        intention["ID"]?.string ?? "", name(intention, "Source"), effect(intention),
                        name(intention, "Destination"), String(intention["Precedence"]?.integer ?? 0),
                    ]
                })
    }

    /// "Monday, 23-Nov-26 02:05:14 UTC" in the local time zone (RFC 850's form).
    static func dayAndTime(_ moment: Timestamp) -> String {
        // Whole seconds, rounded down also before 1970.
        var seconds = time_t(moment.nanoseconds / 1_000_000_000 - (moment.nanoseconds % 1_000_000_000 < 0 ? 1 : 0))
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 128)
        let count = strftime(&text, text.count, "%A, %d-%b-%y %H:%M:%S %Z", &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
