"""The session cookie counts from our own pages and from allowed ones, and from nowhere else."""

import pytest

from app.auth.cookies import SessionCookie
from app.settings import Settings

OURS = "grid.example.org"
COOKIE = SessionCookie(Settings(allowed_origins=("https://app.example.com",)))


def headers(host: str = OURS, **more: str) -> dict[str, str]:
    name = "__Host-dno_session" if host == OURS else "dno_session"
    more = {key.replace("_", "-"): value for key, value in more.items()}
    return {"host": host, "cookie": f"theme=dark; {name}=token; odd[]={{}}", **more}


@pytest.mark.parametrize(
    "request_headers",
    [
        headers(),
        headers(sec_fetch_site="none"),
        headers(sec_fetch_site="same-origin"),
        headers(origin="https://grid.example.org", sec_fetch_site="same-origin"),
        headers(origin="https://app.example.com", sec_fetch_site="cross-site"),
        headers("localhost:8000", origin="http://localhost:8000"),
        headers("[::1]:8000", origin="http://[::1]:8000"),
    ],
)
def test_it_counts(request_headers):
    assert COOKIE.read(request_headers) == "token"


@pytest.mark.parametrize(
    "request_headers",
    [
        headers(origin="https://evil.example"),
        headers(origin="null"),
        headers(origin="http://grid.example.org"),
        headers(origin="https://grid.example.org:444"),
        headers(origin="https://grid.example.org.evil.example"),
        headers(sec_fetch_site="cross-site"),
        headers(sec_fetch_site="same-site"),
        headers("localhost:8000", origin="http://localhost:3000"),
        headers("[::1", origin="https://["),
        {"host": OURS},
        {"host": OURS, "cookie": "dno_session=token"},
        {"host": "", "cookie": "__Host-dno_session=token", "origin": "https://"},
    ],
)
def test_it_does_not_count(request_headers):
    assert COOKIE.read(request_headers) is None


def test_outside_localhost_it_is_secure_and_bound_to_its_host():
    cookie = COOKIE.set("token", {"host": OURS})
    assert cookie == "__Host-dno_session=token; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"


def test_on_localhost_it_works_without_encryption():
    cookie = COOKIE.set("token", {"host": "127.0.0.1:8000"})
    assert cookie == "dno_session=token; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"


def test_a_setting_decides_for_those_who_know_better():
    assert "Secure" in SessionCookie(Settings(cookie_secure="on")).set("token", {"host": "localhost"})
    assert "Secure" not in SessionCookie(Settings(cookie_secure="off")).set("token", {"host": OURS})


def test_clearing_takes_it_away_at_once():
    assert "__Host-dno_session=; Path=/; Max-Age=0;" in COOKIE.clear({"host": OURS})
