/// Columns for people: as wide as their widest cell, two spaces apart.
public struct TextTable: Sendable {
  private let header: [String]
  private var rows: [[String]] = []

  /// A table with these column names.
  public init(_ header: [String]) { self.header = header }

  /// Whether it has no rows.
  public var isEmpty: Bool { rows.isEmpty }

  /// Adds a row; missing cells are empty, cells beyond the header are left out. What cannot be seen in a cell is
  /// escaped, line breaks too: a cell cannot pass for a row.
  public mutating func add(_ row: [String]) {
    rows.append(header.indices.map { row.indices.contains($0) ? VisibleText.line(row[$0]) : "" })
  }

  /// The table, a line a row.
  public var text: String {
    let all = [header] + rows
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 {
          line += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
