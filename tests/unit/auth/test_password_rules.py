"""Common passwords are rejected; several words, or what a password manager generates, are accepted."""

import random
import string

import pytest

from app.auth.password_rules import is_easy

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
