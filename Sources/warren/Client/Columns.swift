/// Rows as text in columns of equal width, two blanks apart, as Consul's commands print them: the last column is not
/// padded, cells lose surrounding blanks.
func columns(_ rows: [[String]]) -> String {
    let rows = rows.map { row in row.map(trimmed) }
    var widths: [Int] = []
    for row in rows {
        for (place, cell) in row.dropLast().enumerated() {
            if place == widths.count { widths.append(0) }
            widths[place] = max(widths[place], cell.unicodeScalars.count)
        }
    }
    let lines = rows.map { row in
        var line = ""
        for (place, cell) in row.enumerated() {
            line += cell
            if place < row.count - 1 {
                line += String(repeating: " ", count: widths[place] - cell.unicodeScalars.count + 2)
            }
        }
        return line
    }
    return lines.joined(separator: "\n")
}

/// `text` without blanks at its ends.
func trimmed(_ text: String) -> String {
    let front = text.drop(while: \.isWhitespace)
    guard let last = front.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(front[...last])
}
