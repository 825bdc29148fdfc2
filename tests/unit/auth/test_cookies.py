"""The session cookie is accepted from the service's own pages and from allowed origins only."""

import pytest

from app.auth.cookies import SessionCookie
from app.errors import CannotStart
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
def test_it_is_accepted(request_headers):
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
def test_it_is_ignored(request_headers):
    assert COOKIE.read(request_headers) is None


def test_outside_localhost_it_is_secure_and_bound_to_its_host():
    cookie = COOKIE.set("token", {"host": OURS})
    assert cookie == "__Host-dno_session=token; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"


def test_for_front_ends_of_other_sites_it_is_partitioned_and_always_secure():
    cookie = SessionCookie(Settings(cookie_same_site="none", allowed_origins=("https://app.example.com",)))
    for host in (OURS, "localhost:8000"):
        assert cookie.set("token", {"host": host}) == (
            "__Host-dno_session=token; Path=/; Max-Age=86400; HttpOnly; SameSite=None; Partitioned; Secure"
        )
    sent = {"host": "localhost:8000", "cookie": "__Host-dno_session=token", "origin": "http://localhost:8000"}
    assert cookie.read(sent) == "token"
    with pytest.raises(CannotStart, match="COOKIE_SECURE"):
        SessionCookie(Settings(cookie_same_site="none", cookie_secure="off"))


def test_on_localhost_it_works_without_encryption():
    cookie = COOKIE.set("token", {"host": "127.0.0.1:8000"})
    assert cookie == "dno_session=token; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"


def test_a_setting_overrides_the_default():
    assert "Secure" in SessionCookie(Settings(cookie_secure="on")).set("token", {"host": "localhost"})
    assert "Secure" not in SessionCookie(Settings(cookie_secure="off")).set("token", {"host": OURS})


def test_clearing_expires_it_at_once():
    assert "__Host-dno_session=; Path=/; Max-Age=0;" in COOKIE.clear({"host": OURS})


def test_without_encryption_pages_of_both_schemes_are_own_pages():
    cookie = SessionCookie(Settings(cookie_secure="off"))
    for scheme in ("http", "https"):
        sent = {"host": OURS.upper(), "cookie": "dno_session=token", "origin": f"{scheme}://{OURS}"}
        assert cookie.read(sent) == "token"
        assert cookie.read({**sent, "origin": f"{scheme}://{OURS}x"}) is None


def test_the_value_is_everything_after_the_first_equals_sign():
    assert COOKIE.read({"host": OURS, "cookie": "a=b;  __Host-dno_session=to=ken= ;c=d"}) == "to=ken="


def test_a_request_without_host_is_not_taken_for_localhost():
    assert "; Secure" in COOKIE.set("token", {})
    assert COOKIE.read({"cookie": "__Host-dno_session=token"}) == "token"
    assert COOKIE.read({"cookie": "__Host-dno_session=token", "origin": "https://xxxx"}) is None


def test_the_cookie_of_a_device_has_a_name_and_a_lifetime_of_its_own():
    cookie = SessionCookie(Settings(device_lifetime=77.9, session_lifetime=0.5))
    assert cookie.set_device("proof", {"host": OURS}) == (
        "__Host-dno_device=proof; Path=/; Max-Age=77; HttpOnly; SameSite=Lax; Secure"
    )
    assert "Max-Age=1;" in cookie.set("token", {"host": OURS})
    sent = {"host": OURS, "cookie": "__Host-dno_session=token; __Host-dno_device=proof"}
    assert (cookie.read(sent), cookie.read_device(sent)) == ("token", "proof")


@pytest.mark.parametrize("allowed", ["https://APP.example.com/", "https://app.example.com"])
def test_allowed_origins_are_compared_without_case_and_trailing_slash(allowed):
    cookie = SessionCookie(Settings(allowed_origins=(allowed,)))
    assert cookie.counts({"host": OURS, "origin": "https://App.Example.com"})
    assert not cookie.counts({"host": OURS, "origin": "https://app.example.com.evil.example"})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:80", "app.localhost:1"])
def test_on_localhost_all_cookies_work_without_encryption(host):
    sent = {"host": host}
    assert COOKIE.clear(sent) == "dno_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    assert COOKIE.set_device("proof", sent).startswith("dno_device=proof; Path=/; Max-Age=15552000;")
    both = {**sent, "cookie": "dno_session=token; dno_device=proof"}
    assert (COOKIE.read(both), COOKIE.read_device(both)) == ("token", "proof")


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "127.0.0.10", "notlocalhost", "localhost:", "localhost:x"]
)
def test_hosts_that_resemble_localhost_get_secure_cookies(host):
    assert COOKIE.clear({"host": host}) == (
        "__Host-dno_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
    )


def test_a_cookie_of_a_device_counts_from_own_and_allowed_pages_only():
    sent = {"host": OURS, "cookie": "__Host-dno_device=proof"}
    assert COOKIE.read_device({**sent, "origin": "https://app.example.com"}) == "proof"
    assert COOKIE.read_device({**sent, "origin": "https://evil.example"}) is None
    assert COOKIE.read(sent) is None
