import Wire

/// One message of every type, every field set, with the file of Docs/Protocol that declares it.
enum PublishedExamples {
  typealias Example = (file: String, type: String, message: any WireMessage)

  static let all = callers + peers + told
}
