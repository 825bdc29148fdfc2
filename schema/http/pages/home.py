"""The home page: an answer to what is typed into its one field, and how much of each federal state is here."""

import re
from collections.abc import Mapping
from typing import Any, Final

from app.domain.federal_state import canonical_region
from app.web.assets import STATIC
from app.web.language import Language
from app.web.states import state_tiles
from schema.http.pages.address import PageAddress
from schema.http.rest_operations import Map
from schema.types.pagination import MAX_TEXT_LENGTH

# A lower score is an operator whose name has little in common with what was typed.
_MIN_SCORE: Final = 0.75
_POSTAL_CODE: Final = re.compile(r"\s*(?:PLZ\s*)?(\d{5})\s*", re.ASCII | re.IGNORECASE)
_OF_POSTAL_CODE: Final[Mapping[Language, str]] = {
    "de": "Wer ist Netzbetreiber in {}?",
    "en": "Who is the grid operator in {}?",
}


class HomePage(PageAddress):
    computed = frozenset(("asked", "named", "question"))

    def _variables(self, variables: Map, language: Language) -> Map:
        if "q" not in variables:
            return variables
        typed: str = variables["q"]
        code = _POSTAL_CODE.fullmatch(typed)
        question = _OF_POSTAL_CODE[language].format(code[1]) if code else typed
        # A longer text is a question, and no name. A postal code is answered with all of its operators.
        named = code is None and len(typed) <= MAX_TEXT_LENGTH
        return {"q": typed, "question": question, "asked": True, "named": named}

    def _values(self, data: Map, variables: Map) -> Map:
        counts: dict[str, tuple[int, int]] = {}
        for row in data["coverage"]["byRegion"]:
            name = canonical_region(row["region"])
            dnos, with_data = counts.get(name, (0, 0))
            counts[name] = (dnos + row["dnos"], with_data + row["dnosWithData"])
        operators = _operators(data)
        answer: Any = data.get("naturalQuery") or {"answer": "", "unanswered": None}
        off_topic = answer["unanswered"] == "OFF_TOPIC"
        # A number that is no postal code is off topic, too.
        unknown_code = off_topic and variables["question"] != variables["q"]
        # A name alone is no question: the operators that have it are the answer.
        named = off_topic and bool(operators)
        return {
            **super()._values(data, variables),
            "asked": "asked" in variables,
            "code": code[1] if (code := _POSTAL_CODE.fullmatch(variables.get("q", ""))) else None,
            "operators": operators,
            "reply": "" if named or unknown_code else answer["answer"],
            "unknown_code": variables["q"].strip() if unknown_code else None,
            "states": state_tiles(counts),
            "example_query": (STATIC / "question.graphql").read_text(encoding="utf-8").strip(),
            "example_answer": (STATIC / "answer.json").read_text(encoding="utf-8").strip(),
        }


def _operators(data: Map) -> list[Map]:
    """Those of the answer, each once: at the postal code, as understood, and with a name like what was typed."""
    answer: Any = data.get("naturalQuery") or {
        "operators": [],
        "interpretation": {"dno": None, "candidates": []},
    }
    understood = answer["interpretation"]
    found = [
        *({**each["dno"], "share": each["share"]} for each in answer["operators"]),
        *([understood["dno"]] if understood["dno"] else []),
        *understood["candidates"],
        *(each["dno"] for each in data.get("searchDnos") or () if each["score"] >= _MIN_SCORE),
    ]
    once: dict[str, Map] = {}
    for dno in found:
        once.setdefault(dno["slug"], {"share": None, **dno})
    return list(once.values())
