"""The validation rules that may find something in a document, by the characters of its text.

A visitor calls each rule for each node, so that rules that cannot apply take more than half of the time of validation.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Final

from graphql import (
    ASTValidationRule,
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    FragmentsOnCompositeTypesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    PossibleFragmentSpreadsRule,
    StreamDirectiveOnListField,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueVariableNamesRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
)

Rules = tuple[type[ASTValidationRule], ...]

# A document without any of these texts has nothing that these rules are about.
_ABOUT: Final[dict[Collection[str], Rules]] = {
    ("$",): (
        NoUndefinedVariablesRule,
        NoUnusedVariablesRule,
        UniqueVariableNamesRule,
        VariablesAreInputTypesRule,
        VariablesInAllowedPositionRule,
    ),
    ("@",): (
        DeferStreamDirectiveLabel,
        DeferStreamDirectiveOnRootField,
        DeferStreamDirectiveOnValidOperationsRule,
        KnownDirectivesRule,
        StreamDirectiveOnListField,
        UniqueDirectivesPerLocationRule,
    ),
    ("...", "fragment"): (
        FragmentsOnCompositeTypesRule,
        KnownFragmentNamesRule,
        NoFragmentCyclesRule,
        NoUnusedFragmentsRule,
        PossibleFragmentSpreadsRule,
        UniqueFragmentNamesRule,
    ),
}


def applicable(rules: Sequence[type[ASTValidationRule]], text: str) -> Rules:
    """In the same order."""
    absent = tuple(marks for marks in _ABOUT if not any(mark in text for mark in marks))
    return _without(tuple(rules), absent)


@cache
def _without(rules: Rules, absent: tuple[Collection[str], ...]) -> Rules:
    left_out = {rule for marks in absent for rule in _ABOUT[marks]}
    return tuple(rule for rule in rules if rule not in left_out)
