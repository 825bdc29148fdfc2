"""Common passwords are rejected; several words, or what a password manager generates, are accepted."""

import random
import string

import pytest

from app.auth.password_rules import (
    _mark_patterns,
    _mark_words,
    _own_words,
    _points,
    _unit,
    _worth,
    is_easy,
)

ADDRESS = "ada.lovelace@netze-beispiel.de"


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password1234!",
        "P@ssw0rd2024!",
        "passwordpassword",
        "passwort12345",
        "drowssap1234",
        "123456789012",
        "1234567890123456",
        "098765432109",
        "111111111111",
        "aaaaaaaaaaaaaaaa",
        "abcdefghijkl",
        "abcabcabcabc",
        "123123123123",
        "qwertyuiop12",
        "qwertzuiop123",
        "asdfghjklöä#",
        "1qaz2wsx3edc",
        "1q2w3e4r5t6y",
        "zaq12wsxcde3",
        "qwerty123456",
        "iloveyou1234",
        "lovelovelove",
        "ichliebedich!",
        "Sommer2024!!",
        "Winter2025!!!!",
        "Willkommen123",
        "Hallo-Welt-2026",
        "administrator",
        "Administrator1!",
        "chocolate123",
        "butterfly2010",
        "michaeljackson",
        "fcbayernmuenchen",
        "schalke04schalke04",
        "unbelievable",
        "kqzvkqzvkqzv",
        "letmein letmein",
        "changeme-1234",
        "            ",
        "!!!!!!!!!!!!!!",
    ],
)
def test_the_most_common_passwords_and_their_variations_are_rejected(password: str) -> None:
    assert is_easy(password)


@pytest.mark.parametrize(
    "password",
    [
        ADDRESS,
        ADDRESS.upper(),
        f"{ADDRESS}1",
        ADDRESS[::-1],
        "ada.lovelace",
        "adalovelace1",
        "AdaLovelace2026",
        "lovelace-ada!",
        "L0vel@ce1234",
        "netze-beispiel",
        "NetzeBeispiel.de",
        "netzebeispiel1!",
        "ada@netze-beispiel",
        "beispiel-beispiel",
        "dno-api-2026",
        "GraphQL-dno-1",
        "Netzentgelte2026",
    ],
)
def test_the_own_address_its_parts_and_the_product_name_are_rejected(password: str) -> None:
    assert is_easy(password, ADDRESS)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "correct horse battery staple",
        "correcthorsebattery",
        "another horse battery",
        "Netz\u00fcbergabe 20",
        "Netzu\u0308bergabe 20",
        "anker tisch wolke",
        "drei Möwen im Regen",
        "k3zv9wpm-x7rd",
        "kQzVhwPmXtRd",
        "a3f9c17be04d",
        "8461-0937-5526",
        "電力会社の送電網を調べる",
        "mein Password ist lang genug, finde ich",
        "ada mag Dampfmaschinen",
    ],
)
def test_a_long_or_random_enough_password_is_accepted(password: str) -> None:
    assert not is_easy(password, ADDRESS)


def test_a_generated_password_is_accepted() -> None:
    chance = random.Random(7)
    for alphabet in (string.ascii_letters + string.digits, string.ascii_letters + string.digits + "!#%-_+"):
        made = ["".join(chance.choices(alphabet, k=16)) for _ in range(500)]
        assert [password for password in made if is_easy(password, ADDRESS)] == []


def test_the_longest_passwords_are_checked_quickly() -> None:
    """1024 characters of the worst kinds."""
    for worst in (
        "1234567890" * 102,
        "a" * 1024,
        "adaada1" * 146,
        "\u1e9e\ufdfa" * 512,
        "passw" * 204,
        "\ud800" * 1024,
    ):
        is_easy(worst, ADDRESS)
        is_easy(worst, "a." * 120 + "@" + "b." * 120)


WORDS = ("sun", "sunshine", "moon", "ai")


@pytest.mark.parametrize(
    ("run", "points"),
    [
        ("  ", 0),
        ("!!!", 1),
        ("!?.", 3),
        ("!? ", 2),
        ("1234", 4),
        ("x", 1),
        ("abcdefghi", 9),
        ("abcdefghij", 9),
        ("abcdefghijklm", 9),
        ("abcdefghijklmn", 10),
        ("abcdefghijklmnop", 11),
        ("Abcdefghijklmnop", 11),
        ("ABCDEFGHIJKLMNOP", 11),
        ("abcdeFghijklmnop", 11),
        ("abcDefghIjklmnop", 16),
        ("電力会社の送電網を調べる電力", 14),
    ],
)
def test_a_run_counts_by_its_kind_and_length(run: str, points: int) -> None:
    """Different signs, digits, and letters, which are taken for one word unless their case changes often."""
    assert _worth(run) == points


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("sunshine", 1, "xxxxxxxx"),  # the longer word first
        ("sunmoon", 2, "xxxxxxx"),
        ("sunsunsun", 3, "xxxxxxxxx"),
        ("suns", 1, "xxx."),
        ("xsunx", 1, ".xxx."),
        ("nusq", 1, "xxx."),  # backwards
        ("5unm00n", 2, "xxxxxxx"),  # digits for letters
        ("sunsh1ne", 1, "xxx....."),
        ("aiai", 0, "...."),  # too short
    ],
)
def test_well_known_words_are_marked_in_all_spellings(text: str, words: int, marked: str) -> None:
    known = [False] * len(text)
    assert _mark_words(known, text, WORDS) == words
    assert shown(known) == marked


def test_a_digit_one_is_read_as_both_letters() -> None:
    for text in ("m1nt", "s1ow"):
        assert _mark_words([False] * 4, text, ("mint", "slow")) == 1


@pytest.mark.parametrize(
    ("text", "parts", "marked"),
    [
        ("1234", 1, "xxxx"),
        ("4321", 1, "xxxx"),
        ("123", 0, "..."),
        ("x1234y", 1, ".xxxx."),
        ("abcdabcd", 2, "xxxxxxxx"),
        ("aaa", 1, "xxx"),
        ("aa", 0, ".."),
        ("xaaay", 1, ".xxx."),
        ("aaaa1234", 2, "xxxxxxxx"),
        ("2024", 1, "xxxx"),
        ("x1999", 1, ".xxxx"),
        ("1899", 0, "...."),
        ("2100", 0, "...."),
        ("19992024", 2, "xxxxxxxx"),
    ],
)
def test_rows_of_keys_years_and_repeated_letters_are_marked(text: str, parts: int, marked: str) -> None:
    known = [False] * len(text)
    assert _mark_patterns(known, text) == parts
    assert shown(known) == marked


def test_what_is_part_of_a_word_is_no_part_of_a_pattern() -> None:
    known = [True] + [False] * 8
    assert _mark_patterns(known, "1234x5678") == 1
    assert shown(known) == "x....xxxx"
    known = [False, True, False, False]
    assert _mark_patterns(known, "aaab") == 0


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("sunshinexq7!", 1 + 2 + 1 + 1),
        ("sun sun!", 2 + 1),
        ("moon2024kqz", 2 + 3),
        ("KqSUNz12", 1 + 2 + 1 + 2),
        ("kqzvEwmxIpjdMrtbsun", 1 + 16),  # the case of letters counts
        ("\u1e9exyzq", 5),
        ("\u0130stanbulsun", 1 + 8 + 1),  # its small letters are one more than its letters
    ],
)
def test_the_points_of_a_password_are_those_of_its_parts(text: str, points: int) -> None:
    assert _points(text, WORDS) == points


@pytest.mark.parametrize(("points", "easy"), [(10, True), (11, False)])
def test_a_password_with_enough_points_is_accepted(points: int, easy: bool) -> None:
    assert is_easy("7q0x5k3z8w6"[:points]) is easy


def test_a_repetition_counts_as_its_unit() -> None:
    assert [_unit(text) for text in ("abab", "aaa", "aba", "abcabcab", "")] == [
        "ab",
        "a",
        "aba",
        "abcabcab",
        "",
    ]


def test_the_words_of_an_address_are_its_parts_with_and_without_their_signs() -> None:
    assert _own_words("Ada.Lovelace7x@Netze-Beispiel.de") == {
        *("ada.lovelace7x@netze-beispiel.de", "ada.lovelace7x", "netze-beispiel.de"),
        *("ada", "lovelace7x", "lovelace", "netze", "beispiel"),
        *("adalovelace7x", "netzebeispielde", "adalovelace7xnetzebeispielde"),
    }
    assert _own_words("abc") == {"abc"}
    assert _own_words("ab@cd") == {"ab@cd", "abcd"}
    assert _own_words("\uff21\uff24\uff21") == {"ada"}  # full-width letters
    assert _own_words("") == set()


def shown(known: list[bool]) -> str:
    return "".join("x" if marked else "." for marked in known)
