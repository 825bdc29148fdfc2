"""Settings are found under today's names and under those of the last release; misspelt ones are refused."""

from math import inf
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from app.errors import CannotStart
from app.setting_names import RENAMED
from app.settings import Settings, Share, read_settings


def read(**environment: str) -> tuple[Settings, list[str]]:
    warnings: list[str] = []
    return read_settings(environment, warn=warnings.append), warnings


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.parametrize("prefix", ["", "DNO_"])
def test_the_old_name_of_a_setting_works_with_a_warning_that_names_the_new_one(old: str, prefix: str) -> None:
    new = RENAMED[old]
    assert new in Settings.__struct_fields__
    assert old not in Settings.__struct_fields__
    value = 0.5 if isinstance(getattr(Settings(), new), float) else 7
    settings, warnings = read(**{prefix + old.upper(): str(value)})
    assert getattr(settings, new) == value
    assert len(warnings) == 1
    assert prefix + old.upper() in warnings[0]
    assert prefix + new.upper() in warnings[0]


def test_the_new_name_takes_precedence_over_the_old_one_without_a_warning() -> None:
    settings, warnings = read(OPERATIONS_MOST="7", MAX_OPERATIONS="9")
    assert settings.max_operations == 9
    assert warnings == []


def test_a_name_with_the_prefix_takes_precedence() -> None:
    assert read(PORT="1", DNO_PORT="2")[0].port == 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DNO_PROT", "DNO_PORT"),
        ("DNO_RATE_LIMT_ANONYMOUS", "DNO_RATE_LIMIT_ANONYMOUS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("REDDIS_URL", "REDIS_URL"),
        ("RATE_LIMIT_ANONYMUOS", "RATE_LIMIT_ANONYMOUS"),
        ("MAX_OPERATION", "MAX_OPERATIONS"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest_right_one(name: str, nearest: str) -> None:
    with pytest.raises(CannotStart, match=f"There is no setting {name}; did you mean {nearest}\\?"):
        read(**{name: "1"})


def test_with_the_prefix_a_name_that_resembles_no_setting_is_refused_too() -> None:
    with pytest.raises(CannotStart, match="There is no setting DNO_SOMETHING_ELSE; docs"):
        read(DNO_SOMETHING_ELSE="1")


@pytest.mark.parametrize(
    "name", ["HOSTS", "PATH", "HOME", "PORTS", "HOSTNAME", "POSTGRES_URL", "LANGUAGE", "PS1"]
)
def test_variables_of_other_programs_are_ignored(name: str) -> None:
    assert read(**{name: "1"})[0] == Settings()


def test_a_name_close_to_one_that_is_set_is_not_taken_for_it() -> None:
    """A platform may set both."""
    url = "postgresql://localhost/dno"
    assert read(DATABASE_URL=url, DATABASE_URI=url)[0].database_url == url


@pytest.mark.parametrize("name", ["PORT", "READ_TIMEOUT", "COOKIE_SECURE"])
def test_a_value_that_is_no_utf_8_is_refused_with_the_name_of_its_setting(name: str) -> None:
    """Python gives bytes of the environment that are none as lone surrogates."""
    with pytest.raises(CannotStart, match=f"The setting {name} is wrong: it is not text in UTF-8"):
        read(**{name: b"\xe4".decode(errors="surrogateescape")})


@pytest.mark.parametrize("value", ["inf", "1e300"])
@pytest.mark.parametrize(
    "name",
    [
        name.upper()
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        if get_origin(hint) is Annotated and get_args(hint)[0] is float and hint != Share
    ],
)
def test_infinite_and_huge_times_are_refused_with_the_name_of_their_setting(name: str, value: str) -> None:
    with pytest.raises(CannotStart, match=f"The setting {name} is wrong: "):
        read(**{name: value})


def test_what_becomes_a_timeout_of_postgresql_fits_into_its_milliseconds() -> None:
    for name in ("DATABASE_STATEMENT_TIMEOUT", "IMPORT_TIMEOUT", "EXPORT_TIMEOUT", "RELAY_TIMEOUT"):
        assert read(**{name: "2147483"})
        with pytest.raises(CannotStart, match=f"The setting {name} is wrong: "):
            read(**{name: "2147484"})


def test_a_value_of_the_command_line_has_the_same_bounds() -> None:
    with pytest.raises(CannotStart, match="The setting FOLLOW_INTERVAL is wrong: "):
        read_settings({}, {"follow_interval": inf})


@pytest.mark.parametrize("value", ["9" * 30, "1e30"])
@pytest.mark.parametrize(
    "name",
    [
        name.upper()
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        if get_origin(hint) is Annotated and get_args(hint)[0] is int
    ],
)
def test_counts_that_nothing_can_hold_are_refused_with_the_name_of_their_setting(
    name: str, value: str
) -> None:
    with pytest.raises(CannotStart, match=f"The setting {name} is wrong: "):
        read(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_CONNECT_TIMEOUT",
        "DATABASE_STATEMENT_TIMEOUT",
        "DATABASE_ACQUIRE_TIMEOUT",
        "REDIS_TIMEOUT",
        "REDIS_CONNECT_TIMEOUT",
        "HEARTBEAT_INTERVAL",
        "LEASE_LIFETIME",
        "RELAY_INTERVAL",
        "API_KEY_USAGE_INTERVAL",
        "EXPORT_TIMEOUT",
        "IMPORT_TIMEOUT",
        "IMPORT_REQUEST_TIMEOUT",
        "RELAY_TIMEOUT",
        "START_TIMEOUT",
    ],
)
def test_times_without_which_nothing_succeeds_or_nothing_else_is_done_are_not_zero(name: str) -> None:
    assert read(**{name: "0.001"})
    for value in ("0", "0.0001"):
        with pytest.raises(CannotStart, match=f"The setting {name} is wrong: "):
            read(**{name: value})


@pytest.mark.parametrize(
    ("name", "most"), [("WORKERS", 1024), ("MAX_WEBHOOK_ATTEMPTS", 1_000_000), ("PASSWORD_LANES", 2**24 - 1)]
)
def test_counts_have_the_maximum_of_what_counts(name: str, most: int) -> None:
    assert getattr(read(**{name: str(most)})[0], name.lower()) == most
    for value in (most + 1, 0):
        with pytest.raises(CannotStart, match=f"The setting {name} is wrong: "):
            read(**{name: str(value)})


def test_the_memory_of_passwords_stops_no_command_without_passwords() -> None:
    assert read(PASSWORD_MEMORY_KIB="15", PASSWORD_LANES="2")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://front.example",
        "HTTPS://Front.Example/",
        "https://front.example:8443",
        "https://front.example:80",
        "http://[::80]",
        "http://localhost:3000",
        "http://[::1]:3000",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
        "https://xn--bcher-kva.example",
    ],
)
def test_origins_are_accepted_as_browsers_send_them(origin: str) -> None:
    assert read(ALLOWED_ORIGINS=f"https://a.example, {origin}")[0].allowed_origins[1] == origin


@pytest.mark.parametrize(
    "origin",
    [
        "foo",
        "front.example:443",
        "https://",
        "https://front.example:443",
        "HTTPS://Front.Example:443/",
        "http://[::1]:80",
        "https://front.example/path",
        "https://front.example?a=b",
        "https://me@front.example",
        '"https://front.example"',
        "https://*.front.example",
        "https://bücher.example",
        "https://a.example https://b.example",
        "https://front.example:port",
    ],
)
def test_origins_that_no_browser_sends_are_refused(origin: str) -> None:
    with pytest.raises(
        CannotStart, match=r"The setting ALLOWED_ORIGINS is wrong: .* without path and default port\."
    ):
        read(ALLOWED_ORIGINS=f"https://a.example, {origin}")


@pytest.mark.parametrize("origin", ["null", "NULL"])
def test_the_origin_that_every_page_can_send_is_refused(origin: str) -> None:
    with pytest.raises(CannotStart, match="ALLOWED_ORIGINS is wrong: every page can send the origin null"):
        read(ALLOWED_ORIGINS=f"https://a.example, {origin}")


def test_the_endpoint_of_traces_is_an_address_of_http() -> None:
    for url in ("https://me:password@collector:4318/v1/traces?a=b", "http://collector:4318"):
        assert read(TRACING_ENDPOINT=url)[0].tracing_endpoint == url
    for url in ("collector:4318", "grpc://collector:4317", "/v1/traces"):
        with pytest.raises(CannotStart, match="The setting TRACING_ENDPOINT is wrong: "):
            read(TRACING_ENDPOINT=url)


@pytest.mark.parametrize(
    "name", ["PUBLIC_URL", "LANGUAGE_MODEL_URL", "EDGE_FASTLY_URL", "EDGE_CLOUDFLARE_URL"]
)
def test_addresses_to_which_no_path_can_be_added_are_refused(name: str) -> None:
    for url in ("https://netz.example", "HTTP://[::1]:8000/", "https://netz.example:8443/strom/netze"):
        assert read(**{name: url})
    for url in (
        "https://",
        "https:///path",
        "https://:8000",
        "https://netz.example/a?b",
        "https://netz.example/#a",
        "https://netz.example:99999",
        "https://netz .example",
        'https://netz.example"',
        "https://netz.example\n",
        "https://netz.example/\x01",
        "https://netz.example\x7f",
        "https://me:password@netz.example",
        "https://netz.example,https://strom.example",
    ):
        with pytest.raises(CannotStart, match=f"The setting {name} is wrong: ") as refused:
            read(**{name: url})
        assert "password" not in str(refused.value)
