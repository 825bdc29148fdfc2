"""Long texts of files and of the crawler are read in linear time: in hundredths of the second of each test, and in many of them if it is quadratic."""

from collections.abc import Callable
from time import process_time

import pytest

from app.domain.company_name import without_legal_form
from tests.unit.importers.imported import imported, lines

HEADER = "VNB;Jahr;Ebene;LP ab 2500 h;AP ab 2500 h"
ROW = "netze-a;2026;MS;58,20;1,17"


def in_time(read: Callable[[], object]) -> object:
    began = process_time()
    found = read()
    assert process_time() - began < 1
    return found


@pytest.mark.parametrize(
    "title",
    [
        "brutto" + "entgelt" * 8_000 + "-frei",
        "brutto" + "preis" * 10_000 + "-x",
    ],
)
def test_a_title_of_one_long_word_is_searched_for_gross_prices_once(title: str) -> None:
    assert in_time(lambda: imported("tariffs", lines(title, HEADER, ROW)).entries)


def test_a_long_word_of_gross_prices_is_found() -> None:
    title = "brutto" + "netzentgelt" * 5_000
    problems = in_time(lambda: imported("tariffs", lines(title, HEADER, ROW)).problems)
    assert problems == [(1, None, "the row names gross prices; prices are net")]


def test_a_cell_that_is_longer_than_any_name_is_no_operator() -> None:
    row = ROW.replace("netze-a", '"' + "'" + " " * 100_000 + '\nx"')
    found = in_time(lambda: imported("tariffs", lines(HEADER, row)).problems)
    assert found == [(2, "dno_slug", "no operator has this slug, name or code")]


@pytest.mark.parametrize(
    ("blanks", "between"), [(" " * 20_000, " "), (" \n" * 10_000, " "), ("," * 20_000, "," * 20_000)]
)
def test_a_name_with_many_blanks_is_searched_for_legal_forms_once(blanks: str, between: str) -> None:
    company = f"Netze{blanks}A{blanks}GmbH{blanks}"
    assert in_time(lambda: without_legal_form(company)) == f"Netze{between}A"
