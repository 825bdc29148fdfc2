"""All mutants of a source file: the operators of mutmut, applied inside functions."""

from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import msgspec
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

# Their arguments are words for operators and developers; no behaviour depends on them.
LOGGERS = {"log", "_log", "logger"}
# What they get is for the type checker.
TYPING = {"cast", "assert_never", "TypeVar", "NewType"}


class Mutant(msgspec.Struct, frozen=True):
    file: str
    line: int
    function_line: int  # where the function begins that has the line
    before: str
    after: str
    number: int  # of the same text in the same file: 0 is the first
    source: str  # the whole file with this one change

    @property
    def name(self) -> str:
        return f"{self.file}#{self.number}: {self.before} -> {self.after}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    module = cst.parse_module(path.read_text())
    finder = _Finder()
    wrapper = MetadataWrapper(module)
    wrapper.visit(finder)
    seen: dict[tuple[str, str], int] = {}
    text = wrapper.module.code
    encoded = text.encode()
    for line, function_line, span, node, changed in finder.found:
        source = _replaced(wrapper.module, encoded, span, node, changed)
        before, after = _difference(text, source)
        number = seen.get((before, after), 0)
        seen[before, after] = number + 1
        yield Mutant(str(path), line, function_line, before, after, number, source)


def _replaced(module: cst.Module, text: bytes, span: slice, node: cst.CSTNode, changed: cst.CSTNode) -> str:
    if text[span] == module.code_for_node(node).encode():
        return (text[: span.start] + module.code_for_node(changed).encode() + text[span.stop :]).decode()
    mutated = module.deep_replace(node, changed)  # slow: it copies the whole module
    assert isinstance(mutated, cst.Module)
    return mutated.code


def _difference(before: str, after: str) -> tuple[str, str]:
    """The changed lines, without their indentation."""
    old, new = before.splitlines(), after.splitlines()
    first = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return _joined(old[first : len(old) - last]), _joined(new[first : len(new) - last])


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (ByteSpanPositionProvider, PositionProvider)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int, slice, cst.CSTNode, cst.CSTNode]] = []
        self._functions: list[int] = []  # first lines, outermost first

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_left_out(node):
            return False
        if isinstance(node, cst.FunctionDef):
            # Default values and decorators are evaluated once, at import: only the body can be exchanged later.
            self._functions.append(self._line(node))
            node.body.visit(self)
            self._functions.pop()
            return False
        if self._functions:
            self._mutate(node)
        return True

    def _mutate(self, node: cst.CSTNode) -> None:
        for kind, operator in mutation_operators:
            if not isinstance(node, kind):
                continue
            changes = list(operator(node))
            if isinstance(node, cst.SimpleString):
                changes = changes[:1]  # three spellings of one wrong text are one mutant
            for changed in changes:
                self.found.append((self._line(node), self._functions[-1], self._span(node), node, changed))

    def _span(self, node: cst.CSTNode) -> slice:
        found = self.get_metadata(ByteSpanPositionProvider, node, None)
        if found is None:
            return slice(0, 0)
        return slice(found.start, found.start + found.length)

    def _line(self, node: cst.CSTNode) -> int:
        line: int = self.get_metadata(PositionProvider, node).start.line
        return line


def _is_left_out(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Annotation | cst.Assert):
        return True
    if isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString):
        return True
    if not isinstance(node, cst.Call):
        return False
    if isinstance(node.func, cst.Name):
        return node.func.value in TYPING
    return (
        isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value in LOGGERS
    )
