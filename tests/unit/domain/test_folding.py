"""One key for every way of writing a name."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.federal_state import FEDERAL_STATES, canonical_region, spellings_of
from app.domain.folding import compose, fold, fold_case
from app.domain.holiday_rule import HolidayScope
from app.domain.working_days import day_status
from app.errors import BadInput
from app.interpreter.spelling import key, normalise, written
from tests.unit.domain.peak_sheets import rule

FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@given(st.text())
def test_case_and_composition_make_no_difference(text):
    folded = fold(text)
    assert {fold(unicodedata.normalize(form, text)) for form in FORMS} == {folded}
    assert fold(folded) == folded
    assert fold(compose(text)) == folded


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Überlandwerk", "uberlandwerk"),
        ("STRASSE Straße STRAẞE", "strasse strasse strasse"),
        ("ﬀ Ⅳ ｅ", "ff iv e"),
        ("Røros Łódź Æther", "roros lodz aether"),
        ("İstanbul", "istanbul"),
    ],
)
def test_letters_are_compared_without_accents_and_ligatures(text, folded):
    assert fold(text) == folded


@given(st.sampled_from(["Tübingen", "Tuebingen", "TÜBINGEN", "Tubingen"]), st.sampled_from(FORMS))
def test_the_interpreter_compares_words_by_the_same_key(word, form):
    assert key(unicodedata.normalize(form, word)) == "tubingen"


@given(st.text())
def test_folded_case_keeps_accents_and_is_a_step_towards_the_folded_text(text):
    folded = fold_case(text)
    assert fold_case(folded) == folded == unicodedata.normalize("NFC", folded)
    assert {fold_case(unicodedata.normalize(form, text)) for form in FORMS} == {folded}
    assert fold(folded) == fold(text)


@pytest.mark.parametrize("form", FORMS)
def test_the_interpreter_compares_sentences_by_folded_case(form):
    sentence = unicodedata.normalize(form, " Was kostet  FÜRTH in ｅ\u00b2? ")
    assert normalise(sentence) == "was kostet fürth in e2?" != normalise("Was kostet Furth in e2?")


@pytest.mark.parametrize("form", FORMS)
def test_the_interpreter_distinguishes_umlauts_in_every_composition(form):
    assert written(unicodedata.normalize(form, "Fürth")) == "fuerth" != written("Furth")


@pytest.mark.parametrize("state", FEDERAL_STATES)
@pytest.mark.parametrize(
    "spelt",
    [
        str,
        str.upper,
        str.lower,
        lambda name: unicodedata.normalize("NFD", name),
        lambda name: name.replace("-", " "),
        lambda name: name.replace("ü", "ue"),
        lambda name: f" {name} ",
    ],
)
def test_a_federal_state_is_known_in_every_spelling(state, spelt):
    assert canonical_region(spelt(state)) == state
    assert spellings_of(spelt(state), [state, "Tirol", None]) == {state}


def test_a_region_that_only_operators_have_is_found_and_an_unknown_one_is_rejected():
    assert spellings_of("tirol", ["Tirol", "Bayern"]) == {"Tirol"}
    assert spellings_of("Sachsen", ["Bayern"]) == frozenset()
    for wrong in ("Atlantis", "", "-", "Baden", "Sachsen Bayern"):
        with pytest.raises(BadInput, match="no federal state"):
            spellings_of(wrong, ["Tirol", None, ""])


@pytest.mark.parametrize("region", ["Bayern", "bayern", "BAYERN "])
def test_holidays_of_a_state_hold_in_every_spelling_of_it(region):
    stated = rule(holidays=HolidayScope.STATE)
    assert not day_status(date(2026, 1, 6), region, stated).windows_hold
    assert day_status(date(2026, 1, 6), "Hessen", stated).windows_hold
