import Testing

@testable import Rego

/// What modules mean, feature by feature; each gives one value for `p`.
struct LanguageTests {
  @Test(
    "a module's value is what OPA documents",
    arguments: [
      (##"p := json.filter({"a": {"b": 1}}, ["", "//a/b"])"##, ##"{"a": {"b": 1}}"##),
      (##"p := json.filter({"a": {"b": 1}}, [""])"##, ##"{}"##),
      (##"p := json.remove({"a": 1}, [""])"##, ##"{"a": 1}"##),
      (##"p if { print("x", 1, input.nope); true }"##, ##"true"##),
      (##"p := 1 if { print(); x := 2; print(x) }"##, ##"1"##),
      (##"p if { not print("a") }"##, ##"undefined"##),
      (##"p := x if { x := 1 } else := 2 if { true } else := 3"##, ##"1"##),
      (##"p := 1 if { false } else := 2 if { false } else := 3"##, ##"3"##),
      (##"p := 1 if false\##nelse := 2 if true"##, ##"2"##),
      (##"p := 1 if true\##np := 1 if true"##, ##"1"##),
      (##"q[x] := y if { some x, y in {"a": 1, "b": 2} }\##np := q"##, ##"{"a": 1, "b": 2}"##),
      (
        ##"q.a.b := 1\##nq.a.c := 2\##nq.d[x] := x if { some x in [1, 2] }\##np := q"##,
        ##"{"a": {"b": 1, "c": 2}, "d": {1: 1, 2: 2}}"##
      ),
      (
        ##"q.a contains x if { some x in [1, 2] }\##nq.b contains 3\##np := q"##,
        ##"{"a": {1, 2}, "b": {3}}"##
      ),
      (
        ##"q[x] contains y if { some x in ["a", "b"]; some y in [1, 2] }\##np := q"##,
        ##"{"a": {1, 2}, "b": {1, 2}}"##
      ),
      (
        ##"q[x].z := 1 if { some x in ["a", "b"] }\##nq.a.y := 2\##np := q"##,
        ##"{"a": {"y": 2, "z": 1}, "b": {"z": 1}}"##
      ),
      (##"default q := 5\##nq := 6 if input.x\##np := q"##, ##"5"##),
      (##"default f(_) := 7\##nf(x) := 1 if x == 1\##np := [f(1), f(2)]"##, ##"[1, 7]"##),
      (##"p := x if { x := 1; y := 2; x != y }"##, ##"1"##),
      (##"p := [- 1, .5, -.5, - .05, 1 - .5, 1 -1, .5e1]"##, ##"[-1, 0.5, -0.5, -0.05, 0.5, 0, 0.5e1]"##),
      (##"p := x if x := [input.if, input.in] with input as {"if": 1, "in": 2}"##, ##"[1, 2]"##),
      (##"p := [x | some x in [3, 1, 2]; x > 1]"##, ##"[3, 2]"##),
      (##"p := {x: y | some x, y in ["a", "b"]}"##, ##"{0: "a", 1: "b"}"##),
      (##"p if every x in [1, 2, 3] { x > 0 }"##, ##"true"##),
      (##"p if every x in [] { x > 0 }"##, ##"true"##),
      (##"p if every k, v in {"a": 1} { k == "a"; v == 1 }"##, ##"true"##),
      (##"p if { x := 5; every y in input.none { y } }"##, ##"undefined"##),
      (##"p if 1 in [1, 2]"##, ##"true"##),
      (##"p if "a", 1 in {"a": 1}"##, ##"true"##),
      (##"p := [1 in [1], 2 in {1}, "x" in {"k": "x"}, 0, 1 in [1]]"##, ##"[true, false, true, 0, true]"##),
      (##"p := [(0, 1 in [1])]"##, ##"[true]"##),
      (##"p if { not 3 in [1, 2] }"##, ##"true"##),
      (##"p if { some 1 in [1, 2] }"##, ##"true"##),
      (##"p := x if { some [x, 2] in [[1, 2], [3, 4]] }"##, ##"1"##),
      (##"p := {x | some {"a": x} in [{"a": 1}, {"a": 2}, {"b": 3}]}"##, ##"{1, 2}"##),
      (##"p := x if { [x, [y]] := [1, [2]]; y == 2 }"##, ##"1"##),
      (##"p := x if { {"a": x} = {"a": 5} }"##, ##"5"##),
      (##"p := x if { [1, x] = [y, 2]; y = 1 }"##, ##"2"##),
      (##"p if { {1, 2} = {2, 1} }"##, ##"true"##),
      (##"p := 1 if { not input.x }"##, ##"1"##),
      (##"p := 1 if { not input.x == 1 }"##, ##"1"##),
      (##"p := 1 if { x := 3; not x == 4 }"##, ##"1"##),
      (##"p if { y = x + 1; x = 2; y == 3 }"##, ##"true"##),
      (##"p if { not x == 1; x = 2 }"##, ##"true"##),
      (##"p := x if { x = y; y = z; z = 4 }"##, ##"4"##),
      (##"p := {1, 2} - {2} | {3} & {3, 4}"##, ##"{1, 3}"##),
      (##"p := 1 + 2 * 3 - 4 / 2 % 3"##, ##"5"##),
      (##"p := (1 + 2) * 3"##, ##"9"##),
      (##"p := "a" < "b""##, ##"true"##),
      (
        ##"p := [1 < 2, null < false, "a" > 1, [1] < [1, 0], {"a": 1} < {"b": 0}]"##,
        ##"[true, true, true, true, true]"##
      ),
      (##"p := `a\n"b"`"##, ##""a\\n\"b\"""##),
      (##"p := "\u00e9\ud83d\udc4d\t""##, ##""é👍\t""##),
      (##"p := {"a": 1, "a": 2}"##, ##"{"a": 2}"##),
      (##"p := [x, y] if { walk({"a": [1]}, [x, y]); y == 1 }"##, ##"[["a", 0], 1]"##),
      (##"p := {x | walk({"a": {"b": 1}}, [x, _])}"##, ##"{[], ["a"], ["a", "b"]}"##),
      (##"p := x if { split("a.b", ".", [_, x]) }"##, ##""b""##),
      (##"q contains 1\##nq contains 2\##np := q[1]"##, ##"1"##),
      (##"q contains [1, 2]\##np := x if { q[[1, x]] }"##, ##"2"##),
      (##"q := {"a": [10, 20]}\##np := q.a[1]"##, ##"20"##),
      (##"q := {"a": 1}\##np := q["a"]"##, ##"1"##),
      (##"f(x) := x.y\##np := f({"y": 3})"##, ##"3"##),
      (##"f([x, y]) := x + y\##np := f([1, 2])"##, ##"3"##),
      (##"f({"a": x}) := x\##np := f({"a": 4})"##, ##"4"##),
      (##"f(1) := "one"\##nf(2) := "two"\##np := f(2)"##, ##""two""##),
      (##"p := $"a {1 + 1} {input.x}""##, ##""a 2 <undefined>""##),
      (##"p := $`x\{ {"q"} {[1, "b"]}`"##, ##""x{ q [1, \"b\"]""##),
      (##"p := x if { x := [1, 2, 3][1] }"##, ##"2"##),
      (##"p := {"a": {"b": 2}}.a.b"##, ##"2"##),
      (##"p := {"x"}["x"]"##, ##""x""##),
      (##"p := f(2)[0] if true\##nf(x) := [x]"##, ##"2"##),
      (##"p := object.get({"a": {"b": [5]}}, ["a", "b", 0], 1)"##, ##"5"##),
      (##"p := object.get({"a": 1}, [], 9)"##, ##"{"a": 1}"##),
      (##"p := object.get({"a": null}, "a", 9)"##, ##"null"##),
      (##"p := object.get({"a": 1}, ["a", "b"], 9)"##, ##"9"##),
      (##"p := object.union({"a": {"b": 1}}, {"a": {"c": 2}})"##, ##"{"a": {"b": 1, "c": 2}}"##),
      (##"p := object.union_n([{"a": 1}, {"b": 2}, {"a": 3}])"##, ##"{"a": 3, "b": 2}"##),
      (##"p := object.remove({"a": 1, "b": 2}, {"a"})"##, ##"{"b": 2}"##),
      (##"p := object.remove({"a": 1, "b": 2}, {"b": 0})"##, ##"{"a": 1}"##),
      (##"p := object.filter({"a": 1, "b": 2}, ["b", "c"])"##, ##"{"b": 2}"##),
      (##"p := object.subset({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2}})"##, ##"true"##),
      (
        ##"p := [object.subset([1, 2, 3], [2, 3]), object.subset([1, 2, 3], {3, 1}), object.subset({1, 2}, {1}), object.subset([1, 2], [])]"##,
        ##"[true, true, true, true]"##
      ),
      (
        ##"p := json.filter({"a": {"b": 1, "c": 2}, "d": [1, 2]}, ["a/b", "/d/1"])"##,
        ##"{"a": {"b": 1}, "d": [2]}"##
      ),
      (
        ##"p := json.remove({"a": {"b": 1, "c": 2}, "d": [1, 2]}, {"a/b", ["d", 0]})"##,
        ##"{"a": {"c": 2}, "d": [2]}"##
      ),
      (
        ##"p := json.patch({"a": [1, 2]}, [{"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/a/0"}])"##,
        ##"{"a": [2, 3]}"##
      ),
      (##"p := json.patch({"a": 1}, [{"op": "test", "path": "/a", "value": 2}])"##, ##"undefined"##),
      (
        ##"p := json.patch({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}, {"op": "copy", "from": "/c", "path": "/d"}])"##,
        ##"{"a": {}, "c": 1, "d": 1}"##
      ),
      (
        ##"p := json.patch([1, 2], [{"op": "add", "path": "1", "value": 9}, {"op": "replace", "path": "/0", "value": 0}])"##,
        ##"[0, 9, 2]"##
      ),
      (##"p := graph.reachable({"a": ["b"], "b": {"c"}, "c": []}, {"a"})"##, ##"{"a", "b", "c"}"##),
      (##"p := graph.reachable({"a": ["b", "x"], "b": []}, ["a", "zz"])"##, ##"{"a", "b"}"##),
      (
        ##"p := graph.reachable_paths({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, {"a"})"##,
        ##"{["a", "b", "d"], ["a", "c", "d"]}"##
      ),
      (##"p := graph.reachable_paths({"a": ["b"], "b": ["a"]}, {"a"})"##, ##"{["a", "b"]}"##),
      (
        ##"p := [type_name(1), type_name("a"), type_name(null), type_name([]), type_name({}), type_name(set()), type_name(true)]"##,
        ##"["number", "string", "null", "array", "object", "set", "boolean"]"##
      ),
      (
        ##"p := [is_set({1}), is_array({1}), is_null(null), is_object({})]"##, ##"[true, false, true, true]"##
      ),
      (##"p := max([])"##, ##"undefined"##),
      (##"p := intersection({{1, 2}, {2, 3}})"##, ##"{2}"##),
      (##"p := union({{1}, {2}, set()})"##, ##"{1, 2}"##),
      (##"p := intersection(set())"##, ##"set()"##),
      (##"x := 1\##nx := 2 if false\##np := x"##, ##"1"##),
      (##"p if { some i; [1, 2][i] == 2; i == 1 }"##, ##"true"##),
      (##"p := count({x | x := [1, 1, 2][_]})"##, ##"2"##),
      (##"p := x if { x := {"b": input.q} }"##, ##"undefined"##),
      (##"p := [input.q]"##, ##"undefined"##),
      (##"p := {input.q}"##, ##"undefined"##),
      (##"p := sum([x | x := numbers.range(1, 10)[_]; x % 2 == 0])"##, ##"30"##),
      (##"p := 1 if { a := 1; b := [a | a := 2]; b == [2]; a == 1 }"##, ##"1"##),
      (##"p := [x | x := 1] == [1]"##, ##"true"##),
      (##"import rego.v1\##nimport future.keywords.in\##np := 1"##, ##"1"##),
      (##"q.r := 1\##np := data.a.q"##, ##"{"r": 1}"##),
      (##"p contains "x" if false"##, ##"set()"##),
      (##"q[k] := v if { some k, v in {}; false }\##np := q"##, ##"{}"##),
      (##"p := data.nope"##, ##"undefined"##),
      (##"p := data.a.q.x\##nq.y := 1"##, ##"undefined"##),
      (##"p := numbers.range(1, 3)[2]"##, ##"3"##),
      (##"p := to_number("abc")"##, ##"undefined"##),
      (##"p := 5 if to_number("x") == 1"##, ##"undefined"##),
      (##"p := is_number(x) if { x := 1 }"##, ##"true"##),
      (##"p := f(x) if { x := "a" }\##nf(x) := y if { y := x }"##, ##""a""##),
      (##"q := input.text\##np := x if { x := q with input as {"text": 9} }"##, ##"9"##),
      (##"q := input.x + input.y\##np := x if { x := q with input.x as 1 with input.y as 2 }"##, ##"3"##),
      (##"q := data.foo.bar\##np := x if { x := q with data.foo.bar as 3 }"##, ##"3"##),
      (##"f(x) := x + 1\##ng(x) := 10\##np := x if { x := f(1) with f as g }"##, ##"10"##),
      (##"p := x if { x := count([1, 2]) with count as 7 }"##, ##"7"##),
      (
        ##"mock(x) := {"status": 200}\##np := x if { x := http.send({"url": "x"}).status with http.send as mock }"##,
        ##"200"##
      ),
      (##"p := x if { x := opa.runtime() with opa.runtime as {"a": 1} }"##, ##"{"a": 1}"##),
      (##"p := {x: 1, y: 2} if { x := "a"; y := "a" }"##, ##"{"a": 2}"##),
      (##"p := [i | some i; input.a[i] == 1]"##, ##"[0, 2]"##),
      (##"p := {k | input.o[k]}"##, ##"{"l"}"##),
      (##"p := {k | some k, _ in input.o}"##, ##"{"k", "l"}"##),
      (##"p := x if { x := 1; y := 2; print("a", x, input.nope, y) }"##, ##"1"##),
      (##"print(x) := x + 1\##np := print(2)"##, ##"3"##),
      (##"p := json.marshal("<a>&\u2028")"##, ##""\"\\u003ca\\u003e\\u0026\\u2028\"""##),
      (
        ##"p := json.marshal_with_options({"<": ">"}, {"pretty": true})"##,
        ##""{\n\t\"\\u003c\": \"\\u003e\"\n}""##
      ),
      (##"p := sprintf("%v", [["a\u0001\u200b\u00e9"]])"##, ##""[\"a\\x01\\u200bé\"]""##),
    ])
  func value(rules: String, text: String) throws {
    #expect(try TermRun.text(module: "package a\n\(rules)") == text, "\(rules)")
  }

  @Test(
    "what has two values where there may be one is a conflict",
    arguments: [
      "p := 1 if true\np := 2 if true", "f(x) := 1 if x > 0\nf(x) := 2 if x > 1\np := f(2)",
      "q[1] := 1\nq[1] := 2\np := q",
      "p := {1: x | some x in [1, 2]}",
    ])
  func conflict(rules: String) {
    #expect { try TermRun.value(module: "package a\n\(rules)") } throws: {
      ($0 as? EvaluationError)?.code == "eval_conflict_error"
    }
  }
}
