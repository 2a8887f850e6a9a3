import Canonical

/// One file, or `"content": c`, with `{"operation": o}` → `{"content": …, "lines": n}`. Operations:
/// `uppercase`, `lowercase` (Unicode, without regard to locale), `sort_lines` (by bytes), `csv_columns` with
/// `"columns": [names]`.
enum Transform {
  static func run(_ task: Task) throws(ActionFailure) -> JSON {
    let parameters = task.parameters
    let content = try content(of: task)
    let changed: String
    switch try parameters.text("operation") {
    case "uppercase": changed = content.uppercased()
    case "lowercase": changed = content.lowercased()
    case "sort_lines": changed = sortLines(content)
    case "csv_columns": changed = try selectColumns(content, parameters)
    case let other:
      throw .parameters(
        "operation: expected uppercase, lowercase, sort_lines or csv_columns, came \(other)")
    }
    return [
      "content": .string(changed), "lines": .integer(lineCount(changed)),
    ]
  }

  private static func content(of task: Task) throws(ActionFailure) -> String {
    switch (task.files.count, task.parameters["content"]) {
    case (1, nil):
      guard let text = task.files[0].text else { throw .parameters("the file: expected text in UTF-8") }
      return text
    case (0, .some): return try task.parameters.text("content")
    default: throw .parameters("expected one file, or content, and not both")
    }
  }

  /// The last line keeps, or keeps lacking, its newline.
  private static func sortLines(_ content: String) -> String {
    let endsInNewline = content.utf8.last == UInt8(ascii: "\n")
    var lines = content.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if endsInNewline { lines.removeLast() }
    lines.sort { $0.lexicographicallyPrecedes($1) }
    let joined = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    return String(decoding: joined, as: UTF8.self) + (endsInNewline ? "\n" : "")
  }

  static func lineCount(_ content: String) -> Int {
    let newlines = content.utf8.count { $0 == UInt8(ascii: "\n") }
    return newlines + (content.isEmpty || content.utf8.last == UInt8(ascii: "\n") ? 0 : 1)
  }

  private static func selectColumns(
    _ content: String, _ parameters: JSON
  ) throws(ActionFailure) -> String {
    let wanted = parameters["columns"]?.array?.compactMap(\.string) ?? []
    guard !wanted.isEmpty, wanted.count == parameters["columns"]?.array?.count else {
      throw .parameters("columns: expected at least one column's name")
    }
    let rows = try CSV.parse(content)
    guard let header = rows.first else { throw .parameters("content: expected a header row") }
    var positions: [Int] = []
    for name in wanted {
      guard let position = header.firstIndex(of: name) else {
        throw .parameters("columns: no column \(name)")
      }
      positions.append(position)
    }
    var out = ""
    for (number, row) in rows.enumerated() {
      guard row.count == header.count else {
        throw .parameters(
          "content: row \(number + 1) has \(row.count) fields, the header \(header.count)")
      }
      out += positions.map { CSV.quoted(row[$0]) }.joined(separator: ",") + "\n"
    }
    return out
  }
}

/// RFC 4180, with LF accepted for CRLF.
enum CSV {
  static func parse(_ content: String) throws(ActionFailure) -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var wasQuoted = false
    let bytes = Array(content.utf8)
    var position = 0
    func finished() -> String { String(decoding: field, as: UTF8.self) }
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if isQuoted {
        if byte != quote {
          field.append(byte)
        } else if position < bytes.count, bytes[position] == quote {
          field.append(quote)
          position += 1
        } else {
          isQuoted = false
          wasQuoted = true
        }
        continue
      }
      switch byte {
      case quote where field.isEmpty && !wasQuoted: isQuoted = true
      case comma, newline:
        if byte == newline, field.last == carriageReturn, !wasQuoted { field.removeLast() }
        row.append(finished())
        (field, wasQuoted) = ([], false)
        if byte == newline {
          rows.append(row)
          row = []
        }
      case carriageReturn where wasQuoted: break
      default:
        guard !wasQuoted else {
          throw .parameters("content: text after a quoted field in row \(rows.count + 1)")
        }
        field.append(byte)
      }
    }
    guard !isQuoted else { throw .parameters("content: a quoted field does not end") }
    if !field.isEmpty || !row.isEmpty || wasQuoted {
      row.append(finished())
      rows.append(row)
    }
    return rows
  }

  static func quoted(_ field: String) -> String {
    let special = field.utf8.contains { [quote, comma, newline, carriageReturn].contains($0) }
    guard special else { return field }
    return "\""
      + field.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }

  private static let quote = UInt8(ascii: "\"")
  private static let comma = UInt8(ascii: ",")
  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
}
