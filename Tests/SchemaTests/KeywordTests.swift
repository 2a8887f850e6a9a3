import Canonical
import Schema
import Testing

/// A schema, a value, and whether the value satisfies it.
struct Case: CustomTestStringConvertible {
  let schema: String
  let value: String
  let isValid: Bool

  init(_ schema: String, _ value: String, _ isValid: Bool) {
    self.schema = schema
    self.value = value
    self.isValid = isValid
  }

  var testDescription: String { "\(schema) \(isValid ? "takes" : "refuses") \(value)" }

  func check() throws {
    let schema = try Schema.compile(JSON.parse(schema))
    let value = try JSON.parse(value, limits: .interchange)
    var problem: ValidationError?
    do { try schema.validate(value) } catch { problem = error }
    #expect((problem == nil) == isValid, "\(problem?.description ?? "no error")")
  }
}

struct KeywordTests {
  @Test(
    "type, enum and const hold by value",
    arguments: [
      Case(#"{"type":"null"}"#, "null", true), Case(#"{"type":"null"}"#, "false", false),
      Case(#"{"type":"boolean"}"#, "false", true), Case(#"{"type":"boolean"}"#, "0", false),
      Case(#"{"type":"string"}"#, #""""#, true), Case(#"{"type":"string"}"#, "1", false),
      Case(#"{"type":"array"}"#, "[]", true), Case(#"{"type":"array"}"#, "{}", false),
      Case(#"{"type":"object"}"#, "{}", true), Case(#"{"type":"object"}"#, "[]", false),
      Case(#"{"type":"number"}"#, "1.5", true), Case(#"{"type":"number"}"#, #""1.5""#, false),
      Case(#"{"type":"integer"}"#, "1", true), Case(#"{"type":"integer"}"#, "1.0", true),
      Case(#"{"type":"integer"}"#, "-1e3", true), Case(#"{"type":"integer"}"#, "1.5", false),
      Case(#"{"type":"integer"}"#, "1e300", true), Case(#"{"type":"integer"}"#, "1e-9", false),
      Case(#"{"type":["integer","null"]}"#, "null", true),
      Case(#"{"type":["integer","null"]}"#, #""x""#, false),
      Case(#"{"enum":[1,"1",[1],{"a":1},null]}"#, "1.0", true),
      Case(#"{"enum":[1,"1",[1],{"a":1},null]}"#, #"{"a":1}"#, true),
      Case(#"{"enum":[1,"1",[1],{"a":1},null]}"#, #"{"a":2}"#, false),
      Case(#"{"enum":[1,"1",[1],{"a":1},null]}"#, "true", false),
      Case(#"{"const":{"a":[0]}}"#, #"{"a":[0]}"#, true), Case(#"{"const":0}"#, "false", false),
      Case(#"{"const":0}"#, "-0", true), Case("true", "1", true), Case("false", "1", false),
      Case("{}", "[1]", true),
      // Two spellings of é are two strings.
      Case("{\"const\":\"\u{E9}\"}", "\"\u{65}\u{301}\"", false),
    ])
  func anyValue(_ example: Case) throws { try example.check() }

  @Test(
    "numbers keep their bounds, and multiples are exact",
    arguments: [
      Case(#"{"minimum":2}"#, "2", true), Case(#"{"minimum":2}"#, "1.9", false),
      Case(#"{"maximum":2}"#, "2", true), Case(#"{"maximum":2}"#, "2.1", false),
      Case(#"{"exclusiveMinimum":2}"#, "2", false), Case(#"{"exclusiveMinimum":2}"#, "2.1", true),
      Case(#"{"exclusiveMaximum":2}"#, "2", false), Case(#"{"exclusiveMaximum":2}"#, "1.9", true),
      Case(#"{"minimum":2}"#, #""1""#, true), Case(#"{"multipleOf":2}"#, "6", true),
      Case(#"{"multipleOf":2}"#, "7", false), Case(#"{"multipleOf":0.1}"#, "0.3", true),
      Case(#"{"multipleOf":0.01}"#, "19.99", true), Case(#"{"multipleOf":0.01}"#, "19.999", false),
      Case(#"{"multipleOf":2.5}"#, "-7.5", true), Case(#"{"multipleOf":2.5}"#, "0", true),
      Case(#"{"multipleOf":0.3}"#, "1", false), Case(#"{"multipleOf":3}"#, "1e300", false),
      Case(#"{"multipleOf":8}"#, "1e300", true), Case(#"{"multipleOf":1e-8}"#, "12.345678", true),
      Case(#"{"multipleOf":100}"#, "250", false), Case(#"{"multipleOf":100}"#, "1200", true),
      Case(#"{"multipleOf":7e5}"#, "1.4e6", true), Case(#"{"multipleOf":1}"#, "1e-300", false),
    ])
  func numbers(_ example: Case) throws { try example.check() }

  @Test(
    "strings are counted in code points and formats asserted",
    arguments: [
      Case(#"{"minLength":2}"#, #""ab""#, true), Case(#"{"minLength":2}"#, #""a""#, false),
      Case(#"{"maxLength":2}"#, #""👩‍👩""#, false), Case(#"{"maxLength":3}"#, #""👩‍👩""#, true),
      Case("{\"maxLength\":1}", "\"\u{65}\u{301}\"", false), Case(#"{"maxLength":1}"#, "123", true),
      Case(#"{"minLength":1,"maxLength":1}"#, #""𝄞""#, true),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T23:59:59Z""#, true),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T23:59:59.123+02:00""#, true),
      Case(#"{"format":"date-time"}"#, #""2023-02-29T23:59:59Z""#, false),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T24:00:00Z""#, false),
      Case(#"{"format":"date-time"}"#, #""2024-02-29 23:59:59Z""#, false),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T23:59:59""#, false),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T23:59:59.Z""#, false),
      Case(#"{"format":"date-time"}"#, #""2024-02-29T23:59:59+24:00""#, false),
      Case(#"{"format":"date"}"#, #""2000-02-29""#, true),
      Case(#"{"format":"date"}"#, #""1900-02-29""#, false),
      Case(#"{"format":"date"}"#, #""2000-13-01""#, false),
      Case(#"{"format":"date"}"#, #""2000-1-01""#, false),
      Case(#"{"format":"uuid"}"#, #""123e4567-e89b-12d3-A456-426614174000""#, true),
      Case(#"{"format":"uuid"}"#, #""123e4567e89b12d3a456426614174000""#, false),
      Case(#"{"format":"uuid"}"#, #""123e4567-e89b-12d3-a456-42661417400g""#, false),
      Case(#"{"format":"ipv4"}"#, #""192.168.0.255""#, true),
      Case(#"{"format":"ipv4"}"#, #""192.168.0.256""#, false),
      Case(#"{"format":"ipv4"}"#, #""192.168.00.1""#, false), Case(#"{"format":"ipv4"}"#, #""1.2.3""#, false),
      Case(#"{"format":"ipv4"}"#, #""1.2.3.4.""#, false), Case(#"{"format":"ipv4"}"#, #""0x1.2.3.4""#, false),
      Case(#"{"format":"hostname"}"#, #""a-1.example""#, true),
      Case(#"{"format":"hostname"}"#, #""-a""#, false),
      Case(#"{"format":"hostname"}"#, #""a..b""#, false), Case(#"{"format":"hostname"}"#, #""a_b""#, false),
      Case(#"{"format":"hostname"}"#, "\"\(String(repeating: "a", count: 64))\"", false),
      Case(#"{"format":"hostname"}"#, "\"\(String(repeating: "a.", count: 130))a\"", false),
      Case(#"{"format":"uuid"}"#, "7", true),
    ])
  func strings(_ example: Case) throws { try example.check() }

  @Test(
    "arrays keep count, order and difference of their elements",
    arguments: [
      Case(#"{"items":{"type":"integer"}}"#, "[1,2]", true),
      Case(#"{"items":{"type":"integer"}}"#, #"[1,"2"]"#, false), Case(#"{"items":false}"#, "[]", true),
      Case(#"{"items":false}"#, "[1]", false),
      Case(#"{"prefixItems":[{"type":"string"},{"type":"integer"}]}"#, #"["a",1,"x"]"#, true),
      Case(#"{"prefixItems":[{"type":"string"},{"type":"integer"}]}"#, #"["a","b"]"#, false),
      Case(#"{"prefixItems":[{"type":"string"}],"items":false}"#, #"["a"]"#, true),
      Case(#"{"prefixItems":[{"type":"string"}],"items":false}"#, #"["a",1]"#, false),
      Case(#"{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}"#, #"["a",1,2]"#, true),
      Case(#"{"minItems":1}"#, "[]", false), Case(#"{"maxItems":1}"#, "[1,2]", false),
      Case(#"{"minItems":1,"maxItems":1}"#, "[1]", true), Case(#"{"minItems":1}"#, "{}", true),
      Case(#"{"uniqueItems":true}"#, "[1,1.0]", false), Case(#"{"uniqueItems":true}"#, #"[1,"1"]"#, true),
      Case(#"{"uniqueItems":true}"#, #"[{"a":1,"b":2},{"b":2,"a":1}]"#, false),
      Case(#"{"uniqueItems":false}"#, "[1,1]", true),
    ])
  func arrays(_ example: Case) throws { try example.check() }

  @Test(
    "objects keep what is declared, required and counted",
    arguments: [
      Case(#"{"properties":{"a":{"type":"integer"}}}"#, #"{"a":1,"b":"x"}"#, true),
      Case(#"{"properties":{"a":{"type":"integer"}}}"#, #"{"a":"x"}"#, false),
      Case(#"{"properties":{"a":true},"additionalProperties":false}"#, #"{"a":1}"#, true),
      Case(#"{"properties":{"b":true},"additionalProperties":false}"#, #"{"a":1}"#, false),
      Case(#"{"properties":{"b":true},"additionalProperties":false}"#, #"{"c":1}"#, false),
      Case(#"{"additionalProperties":{"type":"integer"}}"#, #"{"a":1,"b":2}"#, true),
      Case(#"{"additionalProperties":{"type":"integer"}}"#, #"{"a":1,"b":"2"}"#, false),
      Case(#"{"required":["a","b"]}"#, #"{"b":1,"a":null}"#, true),
      Case(#"{"required":["a","b"]}"#, #"{"b":1}"#, false), Case(#"{"required":["a"]}"#, "[]", true),
      Case(#"{"minProperties":1}"#, "{}", false), Case(#"{"maxProperties":1}"#, #"{"a":1,"b":2}"#, false),
      Case(#"{"properties":{"𝄞":{"const":1},"\ue000":{"const":2}}}"#, #"{"𝄞":1,"\ue000":2}"#, true),
      Case(#"{"properties":{"𝄞":{"const":1},"\ue000":{"const":2}}}"#, #"{"𝄞":2,"\ue000":2}"#, false),
    ])
  func objects(_ example: Case) throws { try example.check() }

  @Test(
    "schemas combine",
    arguments: [
      Case(#"{"allOf":[{"minimum":1},{"maximum":3}]}"#, "2", true),
      Case(#"{"allOf":[{"minimum":1},{"maximum":3}]}"#, "4", false),
      Case(#"{"anyOf":[{"type":"string"},{"minimum":3}]}"#, "4", true),
      Case(#"{"anyOf":[{"type":"string"},{"minimum":3}]}"#, "1", false),
      Case(#"{"oneOf":[{"minimum":1},{"maximum":3}]}"#, "2", false),
      Case(#"{"oneOf":[{"minimum":1},{"maximum":3}]}"#, "0", true),
      Case(#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#, "0", false),
      Case(#"{"not":{"type":"string"}}"#, "1", true), Case(#"{"not":{"type":"string"}}"#, #""""#, false),
      Case(##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}}"##, "1", true),
      Case(##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}}"##, #""1""#, false),
      Case(##"{"$ref":"#/$defs/n","minimum":5,"$defs":{"n":{"type":"integer"}}}"##, "4", false),
      Case(##"{"$defs":{"a~b/c":{"const":1}},"$ref":"#/$defs/a~0b~1c"}"##, "1", true),
      Case(##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"const":1}},"$ref":"#/$defs/a"}"##, "2", false),
      Case(##"{"anyOf":[{"const":1},{"const":2}],"properties":{"x":{"$ref":"#/anyOf/1"}}}"##, "2", true),
      Case(#"{"title":"t","description":"d","default":1,"examples":[1],"$comment":"c"}"#, "7", true),
    ])
  func combinations(_ example: Case) throws { try example.check() }
}

struct ErrorTests {
  @Test("an error says where, what was expected and what kind came, and quotes nothing that came (INV-009)")
  func errors() throws {
    let schema = try Schema.compile(
      JSON.parse(
        #"{"properties":{"list":{"items":{"properties":{"n":{"type":"integer"}},"additionalProperties":false}}}}"#
      ))
    func error(_ text: String) throws -> ValidationError? {
      do { try schema.validate(JSON.parse(text)) } catch let error as ValidationError { return error }
      return nil
    }
    let kind = try error(#"{"list":[{},{"n":"secret"}]}"#)
    #expect(kind == ValidationError(path: "/list/1/n", expected: "a whole number", found: "a string"))
    #expect(kind?.description == "/list/1/n: expected a whole number, found a string")
    let extra = try error(#"{"list":[{"secret":1}]}"#)
    #expect(extra?.path == "/list/0")
    #expect(extra?.description.contains("secret") == false)
  }
}

struct CompilationTests {
  private func reason(_ text: String) throws -> SchemaError? {
    do { _ = try Schema.compile(JSON.parse(text)) } catch let error as SchemaError { return error }
    return nil
  }

  @Test(
    "a keyword that would not be enforced is refused, with its place",
    arguments: [
      "patternProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "if", "then",
      "contains", "minContains", "propertyNames", "$id", "$anchor", "$dynamicRef", "contentEncoding",
      "additionalItems", "definitions", "readOnly", "x-note",
    ])
  func unsupported(_ name: String) throws {
    let error = try reason(#"{"properties":{"a":{"\#(name)":{}}}}"#)
    #expect(error == SchemaError(path: "/properties/a", reason: .unsupportedKeyword(name)))
  }

  @Test(
    "a keyword with a value that is not its is refused",
    arguments: [
      #"{"type":"text"}"#, #"{"type":[]}"#, #"{"type":["null","null"]}"#, #"{"type":1}"#, #"{"enum":[]}"#,
      #"{"enum":1}"#, #"{"minimum":"1"}"#, #"{"multipleOf":0}"#, #"{"multipleOf":-1}"#,
      #"{"minLength":-1}"#, #"{"minLength":1.5}"#, #"{"minLength":2,"maxLength":1}"#,
      #"{"uniqueItems":1}"#, #"{"required":"a"}"#, #"{"required":["a","a"]}"#, #"{"required":[1]}"#,
      #"{"allOf":[]}"#, #"{"anyOf":{}}"#, #"{"not":1}"#, #"{"items":[]}"#, #"{"prefixItems":{}}"#,
      #"{"properties":[]}"#, #"{"properties":{"a":1}}"#, #"{"additionalProperties":1}"#,
      #"{"format":"email"}"#, #"{"format":1}"#, #"{"pattern":"("}"#, #"{"pattern":1}"#, #"{"$defs":[]}"#,
      #"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "1", "null", "[]",
    ])
  func malformed(_ text: String) throws {
    guard case .expected = try reason(text)?.reason else {
      Issue.record("\(text): \(String(describing: try reason(text)))")
      return
    }
  }

  @Test(
    "references are local and lead somewhere, and never back",
    arguments: [
      (##"{"$ref":"other.json"}"##, false), (##"{"$ref":"#name"}"##, false),
      (##"{"$ref":"#/$defs/a"}"##, false),
      (##"{"$ref":1}"##, false), (##"{"$ref":"#/anyOf/01","anyOf":[true,true]}"##, false),
      (##"{"$ref":"#"}"##, true), (##"{"properties":{"a":{"$ref":"#"}}}"##, true),
      (##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##, true),
      (##"{"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}"##, true),
    ])
  func references(_ text: String, _ isCycle: Bool) throws {
    switch try reason(text)?.reason {
    case .cyclicReference: #expect(isCycle)
    case .unresolvedReference: #expect(!isCycle)
    default: Issue.record("\(text)")
    }
  }

  @Test("a schema that would check one value exponentially often is refused when it is loaded")
  func exponential() throws {
    var definitions = [#""d0":{"type":"string"}"#]
    for level in 1..<40 {
      let below = ##"{"$ref":"#/$defs/d\##(level - 1)"}"##
      definitions.append(#""d\#(level)":{"anyOf":[\#(below),\#(below)]}"#)
    }
    let error = try reason(#"{"$defs":{\#(definitions.joined(separator: ","))}}"#)
    #expect(error?.reason == .tooComplex(limit: Schema.maximumWeight))
  }

  @Test("a schema of too many parts is refused")
  func large() throws {
    let properties = (0...Schema.maximumNodes).map { #""p\#($0)":true"# }.joined(separator: ",")
    #expect(try reason(#"{"properties":{\#(properties)}}"#)?.reason == .tooLarge(limit: Schema.maximumNodes))
  }
}
