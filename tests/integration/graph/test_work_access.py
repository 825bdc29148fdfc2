"""The pages of the workbench for keys, people and the own account."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.errors import Unavailable
from schema.http.rest_operations import Map
from schema.http.work.access import KeysPage
from schema.http.work.form_token import OfAnotherSession
from tests import factories as make
from tests.forms import Form, form_of, forms_of
from tests.integration.auth.services import PASSWORD
from tests.integration.graph.page_client import BROWSER, SCRIPT, active_parts_of, base_of, text_of
from tests.integration.graph.running import Running
from tests.integration.graph.work_browser import (
    EMAIL,
    Browser,
    add_user,
    administrator,
    browser,
    settings,
)
from tests.integration.graph.writing import global_id

PAGES = ("/work/keys", "/work/people", "/work/account", "/work/changes")


__all__ = ["add_user", "administrator", "browser", "settings"]


def secret_of(page: httpx.Response) -> str:
    return page.text.partition("<output>")[2].partition("</output>")[0]


async def test_a_secret_is_shown_once_and_a_form_that_is_sent_again_makes_no_second_key(
    administrator: Browser,
) -> None:
    form = await administrator.open_form("/work/keys", "create")
    made = await administrator.send(form, name="crawler", role="EDITOR", expires="2100-01-31")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert "location" not in made.headers
    secret = secret_of(made)
    assert len(secret) > 30
    again = await administrator.send(form, name="crawler", role="EDITOR", expires="2100-01-31")
    assert again.status_code == 409
    assert "No key was created" in again.text
    listed = (await administrator.open("/work/keys")).text
    assert listed.count('scope="row">crawler') == 1
    assert "31" in listed
    assert secret not in listed + again.text


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/work/keys", "create"),
        ("/work/people", "create"),
        ("/work/account", "password"),
        ("/work/changes", ""),
    ],
)
async def test_a_form_of_an_earlier_session_changes_nothing_and_is_to_be_opened_again(
    administrator: Browser, monkeypatch: pytest.MonkeyPatch, path: str, action: str
) -> None:
    kept: list[Mapping[str, str] | None] = []
    refuse = OfAnotherSession.__init__

    def refused_with(error: OfAnotherSession, fields: Mapping[str, str] | None = None) -> None:
        kept.append(fields)
        refuse(error, fields)

    monkeypatch.setattr(OfAnotherSession, "__init__", refused_with)
    form = form_of((await administrator.open("/work/account")).text)
    administrator.client.cookies.clear()
    await administrator.sign_in()
    typed = "a phrase that no page repeats"
    sent = {
        "/work/keys": {"name": typed, "role": "ADMIN"},
        "/work/people": {"email": f"{typed}@example.org", "role": "ADMIN"},
        "/work/account": {"current": PASSWORD, "password": typed, "again": typed},
        "/work/changes": {"revision": "revision_1", "version": "1", "reason": typed},
    }[path]
    data = sent | ({"action": action} if action else {}) | {"token": form.values["token"]}
    refused = await administrator.client.post(f"/en{path}", data=data, headers=administrator.origin)
    assert refused.status_code == 403
    assert "The form is of another session" in text_of(refused)
    assert "open it again" in text_of(refused)
    assert typed not in refused.text
    assert "<form" not in refused.text.partition("<main")[2].partition("</main>")[0]
    assert typed not in (await administrator.open(path)).text
    assert kept
    assert not any(kept)  # they may have passwords


async def test_a_key_that_is_revoked_ends(administrator: Browser, server: Running) -> None:
    form = await administrator.open_form("/work/keys", "create")
    secret = secret_of(await administrator.send(form, name="crawler", role="VIEWER"))
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=base_of(server), headers=headers) as client:
        body = {"query": "{ coverage { totalDnos } }"}
        assert (await client.post("/graphql", json=body)).status_code == 200
        revoke = await administrator.open_form("/work/keys", "revoke")
        assert (await administrator.send(revoke)).headers["location"] == "/work/keys?done=revoke"
        assert (await client.post("/graphql", json=body)).status_code == 401


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_others_are_refused_pages_and_forms_of_administrators(
    browser: Browser, add_user: Any, role: Role
) -> None:
    user = await add_user(role)
    await browser.sign_in()
    account = form_of((await browser.open("/work/account")).text)
    for path, fields in (
        ("/work/keys", {"action": "create", "name": "x", "role": "ADMIN"}),
        ("/work/people", {"action": "role", "id": f"user_{user.id}", "role": "ADMIN"}),
    ):
        assert (await browser.open(path)).status_code == 403
        data = {**fields, "token": account.values["token"]}
        refused = await browser.client.post(path, data=data, headers=browser.origin)
        assert refused.status_code == 403
    assert (await browser.open(f"/work/people/user_{user.id}/delete")).status_code == 403


async def test_forms_of_other_sites_and_fields_that_a_form_does_not_have_change_nothing(
    administrator: Browser,
) -> None:
    form = await administrator.open_form("/work/keys", "create")
    fields = {**form.values, "name": "crawler", "role": "ADMIN"}
    for data, headers in (
        (fields, {"origin": "https://evil.example"}),
        ({**fields, "token": ""}, administrator.origin),
        ({**fields, "createdBy": "user_1"}, administrator.origin),
        ({**fields, "action": "workDeleteUser"}, administrator.origin),
        ({**fields, "role": "OWNER"}, administrator.origin),
        ({**fields, "expires": "tomorrow"}, administrator.origin),
    ):
        refused = await administrator.client.post("/work/keys", data=data, headers=headers)
        assert refused.status_code in (400, 401, 403), data
    assert "crawler" not in (await administrator.open("/work/keys")).text


async def test_what_was_typed_stays_beside_the_reason_which_states_its_language(
    administrator: Browser,
) -> None:
    form = await administrator.open_form("/de/work/people", "create")
    refused = await administrator.send(form, email="ada-at-home", role="ADMIN")
    assert refused.status_code == 400
    assert re.search(r'role="alert">\s*<p lang="en">', refused.text)
    [again] = [one for one in forms_of(refused.text) if one.values.get("action") == "create"]
    assert again.values["email"] == "ada-at-home"
    assert "<option selected>ADMIN" in refused.text.partition('name="email"')[2].partition("</form>")[0]
    form = await administrator.open_form("/de/work/keys", "create")
    refused = await administrator.send(form, name="crawler", role="EDITOR", expires="2020-01-31")
    assert refused.status_code == 400
    [again] = [one for one in forms_of(refused.text) if one.values.get("action") == "create"]
    assert [again.values[name] for name in ("name", "expires")] == ["crawler", "2020-01-31"]
    made = await administrator.send(again, role="EDITOR", expires="")
    [empty] = [one for one in forms_of(made.text) if one.values.get("action") == "create"]
    assert (made.status_code, empty.values["name"]) == (200, "")


@pytest.mark.parametrize(
    "expires", ["tomorrow", "2027-02-30", "31.12.2027", "9999-12-31", "0020-01-01", "20271231", "2027-W01-1"]
)
async def test_a_day_that_cannot_be_is_refused_on_the_form_in_the_language_of_the_page(
    administrator: Browser, expires: str
) -> None:
    form = await administrator.open_form("/de/work/keys", "create")
    refused = await administrator.send(form, name="crawler", role="EDITOR", expires=expires)
    assert refused.status_code == 400
    assert "Ein Datum wird wie 2027-12-31 geschrieben" in refused.text
    [again] = [one for one in forms_of(refused.text) if one.values.get("action") == "create"]
    assert [again.values[name] for name in ("name", "expires")] == ["crawler", expires]
    assert (await administrator.send(again, role="EDITOR", expires="2100-01-31")).status_code == 200
    shown = await administrator.open(f"/en/work/changes?since={expires}")
    assert shown.status_code == 400
    assert "A date is written like 2027-12-31" in shown.text
    assert [one.values["since"] for one in forms_of(shown.text) if "since" in one.values] == [expires]


async def test_a_value_that_the_api_does_not_have_is_refused_on_the_page(administrator: Browser) -> None:
    for path in ("/work/keys", "/work/people"):
        form = await administrator.open_form(path, "create")
        typed = {"name": "crawler"} if "keys" in path else {"email": "grace@example.org"}
        refused = await administrator.send(form, role="OWNER", **typed)
        assert refused.status_code == 400
        [again] = [one for one in forms_of(refused.text) if one.values.get("action") == "create"]
        assert typed.items() <= again.values.items()


async def test_what_people_type_is_shown_as_text(administrator: Browser) -> None:
    form = await administrator.open_form("/work/keys", "create")
    made = await administrator.send(form, name=SCRIPT, role="VIEWER")
    assert made.status_code == 200
    before = active_parts_of(await administrator.open("/work/keys"))
    assert SCRIPT not in made.text
    assert active_parts_of(await administrator.open("/work/keys")) == before


async def test_pages_are_stored_nowhere(administrator: Browser) -> None:
    for path in PAGES:
        page = await administrator.open(path)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store"), path


async def test_the_password_is_changed_with_the_present_one_and_typed_twice(administrator: Browser) -> None:
    new = "  a quite different sentence "
    form = form_of((await administrator.open("/work/account")).text)
    for typed in (
        {"current": PASSWORD, "password": new, "again": "x"},
        {"current": "x", "password": new, "again": new},
    ):
        refused = await administrator.send(form, **typed)
        assert refused.status_code >= 400
        assert "sentence" not in refused.text
    changed = await administrator.send(form, current=PASSWORD, password=new, again=new)
    assert changed.headers["location"] == "/work/account?done=password"
    administrator.client.cookies.clear()
    entry = form_of((await administrator.open("/en/work/sign-in")).text)
    assert (await administrator.send(entry, email=EMAIL, password=PASSWORD)).status_code == 401
    assert (await administrator.send(entry, email=EMAIL, password=new)).status_code == 303


async def refuse(*_: object, **__: object) -> int:
    raise Unavailable("Redis does not answer.")


async def test_a_password_that_was_changed_while_sessions_cannot_be_ended_is_named_on_the_page(
    administrator: Browser, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = form_of((await administrator.open("/work/account")).text)
    monkeypatch.setattr(server.resources.sessions, "end_all", refuse)
    new = "a quite different sentence"
    sent = await administrator.send(form, current=PASSWORD, password=new, again=new)
    assert sent.status_code == 503
    assert "Your password was changed, but your other sessions cannot be ended" in text_of(sent)
    assert "API key" not in text_of(sent).partition("Your password")[2]
    refused = await administrator.send(form, current=PASSWORD, password=new, again=new)
    assert refused.status_code == 400


async def test_a_password_that_was_replaced_while_sessions_cannot_be_ended_is_shown(
    administrator: Browser, server: Running, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = await make.user(pool, "grace@example.org", Role.VIEWER)
    end_all, calls = server.resources.sessions.end_all, []

    async def end_all_once(user_id: UUID) -> int:
        calls.append(user_id)
        return await (end_all(user_id) if len(calls) == 1 else refuse())

    form = await form_about(administrator, "reset", grace.email)
    monkeypatch.setattr(server.resources.sessions, "end_all", end_all_once)
    sent = await administrator.send(form)
    assert sent.status_code == 503
    assert "The password was replaced, but the user's sessions cannot be ended" in text_of(sent)
    assert await server.resources.sign_in.sign_in(grace.email, secret_of(sent), "192.0.2.1")


async def test_a_secret_is_shown_also_where_the_list_of_keys_cannot_be_read(
    administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await administrator.open_form("/work/keys", "create")
    run, calls = KeysPage._run, []

    async def run_once(page: KeysPage, operation: str, variables: Map, request: Any) -> Map:
        if operation == KeysPage.query:
            calls.append(operation)
            if len(calls) == 2:
                raise Unavailable("The database does not answer.")
        return await run(page, operation, variables, request)

    monkeypatch.setattr(KeysPage, "_run", run_once)
    made = await administrator.send(form, name="crawler", role="EDITOR")
    assert made.status_code == 200
    assert len(secret_of(made)) > 30
    assert "There is none" not in made.text


async def form_about(browser: Browser, action: str, email: str) -> Form:
    """The form of the page of people that has this action and the person in the name of its button."""
    pieces = (await browser.open("/work/people")).text.split("<form")[1:]
    found = [piece for piece in pieces if f'value="{action}"' in piece and f": {email}" in piece]
    return form_of("<form" + found[-1])


async def test_a_person_is_added_with_a_password_that_is_shown_once(administrator: Browser) -> None:
    form = await administrator.open_form("/work/people", "create")
    made = await administrator.send(form, email="grace@example.org", role="VIEWER")
    password = secret_of(made)
    assert made.headers["cache-control"] == "no-store"
    again = await administrator.send(form, email="grace@example.org", role="VIEWER")
    assert again.status_code == 409
    listed = (await administrator.open("/work/people")).text
    assert "grace@example.org" in listed
    assert password not in listed + again.text
    administrator.client.cookies.clear()
    entry = form_of((await administrator.open("/en/work/sign-in")).text)
    assert (await administrator.send(entry, email="grace@example.org", password=password)).status_code == 303


async def test_the_role_of_a_person_is_changed_sessions_are_ended_and_the_password_is_replaced(
    administrator: Browser, pool: Pool, server: Running
) -> None:
    await make.user(pool, "grace@example.org", Role.VIEWER)
    changed = await administrator.send(
        await form_about(administrator, "role", "grace@example.org"), role="EDITOR"
    )
    assert changed.headers["location"] == "/work/people?done=role"
    shown = await administrator.send(await form_about(administrator, "reset", "grace@example.org"))
    headers = {**BROWSER, "accept-language": "en"}
    async with httpx.AsyncClient(base_url=base_of(server), headers=headers) as client:
        grace = Browser(client)
        entry = form_of((await grace.open("/en/work/sign-in")).text)
        await grace.send(entry, email="grace@example.org", password=secret_of(shown))
        assert (await grace.open("/work")).status_code == 200
        ended = await administrator.send(await form_about(administrator, "end", "grace@example.org"))
        assert ended.status_code == 303
        assert (await grace.open("/work")).status_code in (303, 401)


async def test_the_last_administrator_stays_and_the_page_explains_it(administrator: Browser) -> None:
    refused = await administrator.send(await form_about(administrator, "role", EMAIL), role="VIEWER")
    assert refused.status_code == 409
    assert "Appoint a second one first" in refused.text


async def test_deletion_is_confirmed_on_a_page_of_its_own(administrator: Browser, pool: Pool) -> None:
    grace = await make.user(pool, "grace@example.org", Role.VIEWER)
    people = (await administrator.open("/work/people")).text
    assert 'value="delete"' not in people
    address = re.findall(r'href="(/work/people/[^"]+/delete)" aria-label="Delete: grace@', people)
    page = await administrator.open(address[0])
    assert page.status_code == 200
    deleted = await administrator.send(form_of(page.text))
    assert deleted.headers["location"] == "/work/people?done=delete"
    assert grace.email not in (await administrator.open("/work/people")).text
    assert (await administrator.open(address[0])).status_code == 404


async def test_an_own_change_is_undone_unless_the_entry_has_changed_since(
    administrator: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58.20")
    path = f"/work/entries/{global_id(tariff)}"
    for leistung in ("58.21", "58.22"):
        form = await administrator.open_form(path, "save")
        assert (await administrator.send(form, leistung=leistung, action="save")).status_code == 303
    page = (await administrator.open("/work/changes")).text
    latest, earlier = [form for form in forms_of(page) if form.method == "post"]
    refused = await administrator.send(earlier)
    assert refused.status_code == 409
    assert "only the latest change of an entry can be undone" in refused.text
    earlier.action = "/work/changes?since=tomorrow"
    assert (await administrator.send(earlier)).status_code == 409
    assert (await administrator.send(latest)).headers["location"] == "/work/changes?done=undo"
    assert "58.21" in (await administrator.open(path)).text
    assert "58.22 EUR/kW and year → 58.21 EUR/kW and year" in (await administrator.open("/work/changes")).text


async def test_a_change_that_changed_nothing_is_not_undone_and_the_page_shows_why(
    administrator: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/work/entries/{global_id(tariff)}"
    form = await administrator.open_form(path, "flag")
    for version, reason in (("1", "odd"), ("2", "of another year")):
        sent = await administrator.send(form, reason=reason, action="flag", version=version)
        assert sent.status_code == 303
    page = (await administrator.open("/work/changes")).text
    latest = next(form for form in forms_of(page) if form.method == "post")
    refused = await administrator.send(latest)
    assert refused.status_code == 400
    assert "This revision changed nothing" in refused.text
