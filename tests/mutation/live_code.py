"""Exchanges the code of functions that are already imported."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

Place = tuple[str, str, int]  # file, qualified name, first line


class NotApplicable(Exception):
    """The mutant reads other variables of its enclosing function, or cannot be compiled."""


def functions_by_place(files: set[str]) -> dict[Place, list[FunctionType]]:
    found: dict[Place, list[FunctionType]] = {}
    gc.unfreeze()  # frozen objects, as of tests/conftest.py, are not among those of the collector
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            code = each.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(each)
    gc.freeze()
    return found


def changes(file: Path, source: str) -> list[tuple[Place, CodeType]]:
    """The code objects in which `source` differs from the file, with the place of the one that each replaces."""
    old = list(_code_objects(compile(file.read_text(), str(file), "exec", dont_inherit=True)))
    try:
        new = list(_code_objects(compile(source, str(file), "exec", dont_inherit=True)))
    except SyntaxError as error:
        raise NotApplicable from error
    by_name: dict[str, list[CodeType]] = {}
    for code in new:
        by_name.setdefault(code.co_qualname, []).append(code)
    changed = []
    for code in old:
        others = by_name.get(code.co_qualname, [])
        if others and (other := others.pop(0)) != code:
            changed.append(((str(file), code.co_qualname, code.co_firstlineno), other))
    return changed


def exchange(functions: dict[Place, list[FunctionType]], changed: list[tuple[Place, CodeType]]) -> int:
    """How many functions now run other code."""
    exchanged = 0
    for place, code in changed:
        for function in functions.get(place, ()):
            try:
                function.__code__ = code
            except ValueError as error:
                raise NotApplicable from error
            exchanged += 1
    return exchanged


def _code_objects(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _code_objects(constant)
