"""Malicious requests, each with the code of its refusal."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from graphql import get_introspection_query

PARSE, RULE = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
LIMIT, INPUT = "LIMIT_EXCEEDED", "BAD_USER_INPUT"


class MaliciousRequest(NamedTuple):
    name: str
    codes: str | frozenset[str]
    body: dict[str, Any]


def corpus() -> Iterator[MaliciousRequest]:
    yield from documents()
    yield from values()


def documents() -> Iterator[MaliciousRequest]:
    for name, code, text in (
        ("deep", PARSE, "{" + "a{" * 3000 + "b" + "}" * 3001),
        ("deep, of fields of the schema", LIMIT, '{dno(slug:"a"){' + "tariffs{dno{" * 9 + "name" + "}}" * 9 + "}}"),
        ("deep, in fragments", LIMIT, "{...F0}" + _chain(40, "dno(slug:\"a\"){{...F{next}}}", "coverage{totalDnos}")),
        ("deep list", PARSE, "{dnos(first:" + "[" * 5000 + "]" * 5000 + "){totalCount}}"),
        ("deep object", PARSE, "{dnos(filter:" + "{a:" * 3000 + "1" + "}" * 3000 + "){totalCount}}"),
        ("deep type", PARSE, "query($a:" + "[" * 3000 + "Int" + "]" * 3000 + "){coverage{totalDnos}}"),
        ("deep inline fragments", PARSE, "{" + "...{" * 300 + "x " * 501 + "}" * 301),
        ("wide", LIMIT, "{dnos{nodes{" + " ".join(f"f{n}" for n in range(501)) + "}}}"),
        ("wide at the root", LIMIT, "{" + "coverage{totalDnos} " * 21 + "}"),
        ("aliased", LIMIT, "{" + " ".join(f"a{n}:coverage{{totalDnos}}" for n in range(31)) + "}"),
        ("aliased, in fragments", LIMIT, "{...F ...F ...F ...F}fragment F on Query{" + " ".join(f"a{n}:__typename" for n in range(9)) + "}"),
        ("fragment bomb", LIMIT, "{...F0}" + _chain(30, "...F{next} ...F{next}", "coverage{totalDnos}")),
        ("fragment bomb that ends in an unknown fragment", LIMIT, "{...F0}" + _chain(30, "...F{next} ...F{next}", "...Unknown")),
        ("fragment bomb in many operations", LIMIT, " ".join(f"query Q{n}{{...F0}}" for n in range(20)) + _chain(30, "...F{next} ...F{next}", "__typename")),
        ("fragment of fragments", LIMIT, "{...F0}" + _chain(60, "...F{next}", "__typename")),
        ("a cycle", RULE, "{...A}fragment A on Query{...A}"),
        ("a long cycle", RULE, "{...F0}" + _chain(40, "...F{next}", "...F0")),
        ("a cycle that grows", LIMIT, "{...F0}" + _chain(10, "...F{next} ...F{next}", "...F0 ...F0")),
        ("the same field many times", LIMIT, "{dnos{nodes{" + "slug " * 490 + "}}}"),
        ("the same object many times", LIMIT, "{dnos(first:1){" + ("nodes{" + "slug " * 20 + "}") * 20 + "}}"),
        ("fields that conflict", LIMIT, '{dnos{' + " ".join(f'nodes{{a:{name}}}' for name in ("slug", "name", "region") * 14) + "}}"),
        ("a huge page", LIMIT, "{dnos(first:2000000000){nodes{slug}}}"),
        ("pages in pages", LIMIT, "{dnos(first:100){nodes{tariffs{dno{tariffs{dno{tariffs{year}}}}}}}}"),
        ("introspection in a circle", RULE, "{__schema{types{" + "fields{type{" * 4 + "name" + "}}" * 4 + "}}}"),
        ("introspection many times", LIMIT, "{" + " ".join(f"a{n}:__schema{{types{{fields{{args{{type{{name}}}}}}}}}}" for n in range(12)) + "}"),
        ("introspection ten times", LIMIT, "".join(f"query Q{n}" + get_introspection_query().partition("IntrospectionQuery")[2].partition("fragment")[0] for n in range(10)) + "fragment" + get_introspection_query().partition("fragment")[2]),
        ("a flood of directives", LIMIT, "{coverage{totalDnos" + "@skip(if:false)" * 300 + "}}"),
        ("a flood of unknown directives", LIMIT, "{coverage{totalDnos" + "@x" * 900 + "}}"),
        ("a flood of directives on variables", LIMIT, "query(" + "$a:Int" + "@x" * 900 + "){coverage{totalDnos}}"),
        ("a flood of variables", LIMIT, "query(" + " ".join(f"$v{n}:Int" for n in range(480)) + "){coverage{totalDnos}}"),
        ("a flood of arguments", LIMIT, "{dnos(" + " ".join(f"a{n}:1" for n in range(600)) + "){totalCount}}"),
        ("the same argument many times", LIMIT, "{dnos(" + "first:1 " * 600 + "){totalCount}}"),
        ("a flood of arguments of a directive", LIMIT, "{coverage{totalDnos@skip(" + " ".join(f"a{n}:1" for n in range(600)) + ")}}"),
        ("unknown fields", {RULE}, "{dnos{nodes{" + " ".join(f"naem{n}" for n in range(490)) + "}}}"),
        ("many operations", LIMIT, " ".join(f"query Q{n}{{__typename}}" for n in range(300))),
        ("operations of one name", {RULE}, "query A{__typename}" * 20),
        ("fragments of one name", {RULE}, "{...A}" + "fragment A on Query{__typename}" * 40),
        ("unused fragments", {RULE}, "{__typename}" + " ".join(f"fragment F{n} on Query{{__typename}}" for n in range(50))),
        ("an unused fragment with the same object many times", LIMIT, "{__typename}fragment F on Dno{" + ("tariffs{" + "dno{id} " * 20 + "}") * 20 + "}"),
        ("a fragment of a taken name with the same object many times", LIMIT, "{dno(slug:\"a\"){...F}}fragment F on Dno{" + ("tariffs{" + "dno{id} " * 20 + "}") * 20 + "}fragment F on Dno{id}"),
        ("many tokens", LIMIT, "{" + "a " * 9000 + "}"),
        ("many commas", {PARSE}, "{" + "," * 19_000 + "}"),
        ("a million letters", LIMIT, "{" + "a" * 900_000 + "}"),
        ("a long name", {RULE}, "{" + "a" * 19_000 + "}"),
        ("a long string", INPUT, '{dno(slug:"' + "x" * 19_000 + '"){name}}'),
        ("a long block string", INPUT, '{dno(slug:"""' + "\n \\\"\"\"" * 3000 + '"""){name}}'),
        ("many escapes", INPUT, '{dno(slug:"' + "\\u00e4" * 3000 + '"){name}}'),
        ("a long comment", LIMIT, "#" + "x" * 100_000 + "\n{__typename}"),
        ("many comments", LIMIT, "#\n" * 9000),
        ("an unterminated string", PARSE, '{dno(slug:"' + "x" * 10_000),
        ("an unterminated block string", PARSE, '{dno(slug:"""' + "\\\"\"\"" * 4000),
        ("a long number", {RULE}, "{dnos(first:" + "9" * 19_000 + "){totalCount}}"),
        ("a number out of range", RULE, "{dnos(first:1e400){totalCount}}"),
        ("a price out of range", {RULE, INPUT}, '{rankTariffs(year:2025,voltageLevel:MS,consumptionKwh:"1e999999999",peakLoadKw:"1"){rank}}'),
        ("a price of many digits", {RULE, INPUT}, '{rankTariffs(year:2025,voltageLevel:MS,consumptionKwh:"' + "9" * 18_000 + '",peakLoadKw:"1"){rank}}'),
        ("no number", {RULE, INPUT}, '{rankTariffs(year:2025,voltageLevel:MS,consumptionKwh:"NaN",peakLoadKw:"Infinity"){rank}}'),
        ("half a surrogate pair", PARSE, '{dno(slug:"\\uD83D"){name}}'),
        ("half a surrogate pair, raw", {INPUT}, '{dno(slug:"\ud83d"){name}}'),
        ("control characters of text direction", PARSE, "{‮‮dno}"),
        ("nothing", {INPUT}, ""),
        ("white space", PARSE, " \n" * 9000),
        ("only a byte order mark", PARSE, "\ufeff"),
        ("a type definition", {RULE}, "type A{a:Int}"),
        ("a schema extension", {RULE}, "extend type Query{a:Int}"),
        ("catastrophic backtracking of regular expressions", INPUT, '{searchDnos(query:"' + "(a+)+" * 3000 + '"){score}}'),
        ("a search for a thousand words", INPUT, '{dnos(filter:{search:"' + "n " * 9000 + '"}){totalCount}}'),
        ("a very long question", INPUT, '{naturalQuery(query:"' + "netze bw ms 2024 " * 1000 + '"){__typename}}'),
        ("a cursor of nothing", INPUT, '{dnos(after:"' + "A" * 19_000 + '"){totalCount}}'),
        ("an id of nothing", INPUT, '{node(id:"' + "A" * 19_000 + '"){id}}'),
        ("deferred", {RULE}, "{...@defer{coverage{totalDnos}}}"),
        ("streamed", {RULE}, "{dnos{nodes@stream{slug}}}"),
    ):  # fmt: skip
        yield MaliciousRequest(name, frozenset(code) if isinstance(code, set) else code, {"query": text})


def values() -> Iterator[MaliciousRequest]:
    nodes = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
    page = "query($n:Int){dnos(first:$n){totalCount}}"
    some = "query($f:DnoFilter){dnos(filter:$f){totalCount}}"
    one = "query($s:String!){dno(slug:$s){name}}"
    deep: Any = 1
    for _ in range(400):
        deep = {"a": [deep]}
    for name, code, query, variables in (
        ("a giant list", LIMIT, nodes, {"ids": ["a"] * 200_000}),
        ("a giant list of nothing", LIMIT, nodes, {"ids": [None] * 150_000}),
        ("a list of too many", INPUT, nodes, {"ids": ["a"] * 101}),
        ("a giant object", LIMIT, some, {"f": {f"k{n}": n for n in range(50_000)}}),
        ("a deep object", INPUT, some, {"f": deep}),
        ("a giant name of a field that sounds like an error", INPUT, some, {"f": {"Value " * 150_000: 1}}),
        ("a giant text", INPUT, one, {"s": "x" * 900_000}),
        ("a text of zeros", INPUT, one, {"s": "\0" * 100_000}),
        ("a giant number", INPUT, page, {"n": 10**300}),
        ("a negative page", INPUT, page, {"n": -1}),
        ("a fraction", INPUT, page, {"n": 1.5}),
        ("a boolean", INPUT, page, {"n": True}),
        ("an object for a number", INPUT, page, {"n": {"n": 1}}),
        ("a list for a text", INPUT, one, {"s": ["a"] * 900}),
        ("undeclared variables", LIMIT, one, {"s": "a", **{f"v{n}": n for n in range(40_000)}}),
    ):
        yield MaliciousRequest(name, code, {"query": query, "variables": variables})


def _chain(length: int, link: str, end: str) -> str:
    """Fragments F0, F1, …, each of which contains the next."""
    links = [f"fragment F{n} on Query{{{link.format(next=n + 1)}}}" for n in range(length)]
    return "".join(links) + f"fragment F{length} on Query{{{end}}}"
