"""The workbench over HTTP: signing in by a form, and the forms of an entry."""

import re
from datetime import date
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.entry import VoltageLevel
from app.domain.families import FAMILIES
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from app.settings import Settings
from tests import factories as make
from tests.forms import form_of, forms_of
from tests.integration.auth.services import PASSWORD
from tests.integration.graph.page_client import SCRIPT, active_parts_of, browser_of, text_of
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.work_browser import (
    EMAIL,
    Browser,
    add_user,
    administrator,
    browser,
    editor,
    settings,
)
from tests.integration.graph.writing import global_id
from tests.servers import PrivateValkey

__all__ = ["add_user", "administrator", "browser", "editor", "settings"]


async def test_who_is_not_signed_in_is_led_to_the_form_and_from_there_to_the_page_that_was_wanted(
    browser: Browser, add_user: Any
) -> None:
    await add_user(Role.EDITOR)
    page = await browser.open("/de/work/entries?list=flagged&year=2025")
    assert page.status_code == 303
    form = form_of((await browser.open(page.headers["location"])).text)
    refused = await browser.send(form, email=EMAIL, password="wrong")
    assert refused.status_code == 401
    assert "wrong" not in refused.text.replace("is wrong", "")
    assert form_of(refused.text).values["email"] == EMAIL
    accepted = await browser.send(form_of(refused.text), email=EMAIL, password=PASSWORD)
    assert accepted.status_code == 303
    assert accepted.headers["location"] == "/de/work/entries?list=flagged&year=2025"
    assert "HttpOnly" in accepted.headers["set-cookie"]
    assert (await browser.open(accepted.headers["location"])).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "work", "/%0d%0aset-cookie:x"],
)  # fmt: skip
async def test_signing_in_leads_to_no_other_host(browser: Browser, add_user: Any, address: str) -> None:
    await add_user(Role.EDITOR)
    page = await browser.client.get("/work/sign-in", params={"next": address})
    response = await browser.send(form_of(page.text), email=EMAIL, password=PASSWORD, next=address)
    target = httpx.URL(str(browser.client.base_url)).join(response.headers["location"])
    assert target.host == "127.0.0.1"
    assert target.scheme == "http"
    assert "set-cookie:x" not in str(response.headers).lower().replace("%3a", ":").partition("\n")[2]


async def test_pages_of_the_workbench_are_stored_nowhere_and_never_framed(
    editor: Browser, server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    for path in ("/work", "/work/entries", f"/work/entries/{global_id(tariff)}", "/work/sign-in"):
        for _ in range(3):
            page = await editor.open(path)
            assert page.status_code == 200, path
            assert page.headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
            assert "form-action 'self'" in page.headers["content-security-policy"]
            assert "etag" not in page.headers


async def test_a_viewer_is_refused(browser: Browser, add_user: Any, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await add_user(Role.VIEWER)
    await browser.sign_in()
    assert (await browser.open("/work")).status_code == 403
    assert (await browser.open(f"/work/entries/{global_id(tariff)}")).status_code == 403


async def test_a_form_of_another_site_changes_nothing(editor: Browser, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58.20")
    path = f"/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    fields = {**form.values, "leistung": "1.00", "action": "save"}
    without = {name: text for name, text in fields.items() if name != "token"}
    for data, headers in (
        (fields, {"origin": "https://evil.example"}),
        (fields, {"origin": "https://evil.example", "authorization": ""}),
        (fields, {"origin": "null"}),
        (fields, {"sec-fetch-site": "cross-site"}),
        (fields, {"sec-fetch-site": "same-site"}),
        (without, editor.origin),
        ({**fields, "token": "0" * 64}, editor.origin),
        ({**fields, "token": ""}, {}),
        # Without credentials: it is the cookie that counts.
        ({**fields, "token": ""}, {**editor.origin, "authorization": ""}),
        (without, {"authorization": "Bearer"}),
    ):
        response = await editor.client.post(path, data=data, headers=headers)
        assert response.status_code in (401, 403), headers
    assert "58.20" in (await editor.open(path)).text
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
        response = await editor.client.post(
            path, content=b"x=1", headers={**editor.origin, "content-type": kind}
        )
        assert response.status_code == 415


async def test_a_form_has_no_fields_but_its_own(editor: Browser, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    for name in ("role", "changedBy", "verificationStatus", "id", "dnoId", "was.role", "__proto__"):
        data = {**form.values, name: "ADMIN"}
        assert (await editor.client.post(path, data=data, headers=editor.origin)).status_code == 400, name
    twice = "&".join(f"{name}={text}" for name, text in [*form.fields, ("leistung", "2")])
    headers = {**editor.origin, "content-type": "application/x-www-form-urlencoded"}
    assert (await editor.client.post(path, content=twice.encode(), headers=headers)).status_code == 400


async def test_a_correction_is_saved_and_seen_by_the_next_reader(
    editor: Browser, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, "netze-adorf")
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20")
    await server.delivered()
    assert "58,20" in (await editor.client.get("/de/operators/netze-adorf")).text
    path = f"/de/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    assert form.values["leistung"] == "58,20"
    response = await editor.send(form, leistung="59,10", reason="Druckfehler", action="save")
    assert response.status_code == 303
    saved = text_of(await editor.open(response.headers["location"]))
    assert "Gespeichert" in saved
    assert "Druckfehler" in saved
    for _ in range(2):
        assert "59,10" in (await editor.client.get("/de/operators/netze-adorf")).text
    again = await editor.send(
        form, leistung="59,10", action="save"
    )  # the back button, and the same form once more
    assert again.status_code in (303, 409)
    assert "59,10" in (await editor.open(path)).text


async def test_a_value_that_is_unusual_is_saved_when_it_was_confirmed(editor: Browser, pool: Pool) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024, leistung="58.00", arbeit="0.70")
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20", arbeit="0.71")
    path = f"/en/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    page = await editor.send(form, leistung="5820", action="save")
    assert page.status_code == 200
    assert "Please check once more" in page.text
    assert "Save nevertheless" in page.text
    assert 'value="58.20"' in (await editor.open(path)).text
    confirmed = form_of(page.text)
    other = await editor.send(confirmed, leistung="9820", action="save")  # not what was confirmed
    assert "Please check once more" in other.text
    assert (await editor.send(confirmed, action="save")).status_code == 303
    assert 'value="5820"' in (await editor.open(path)).text


async def test_changes_of_a_price_are_written_as_the_language_of_the_page_writes_numbers(
    editor: Browser, pool: Pool
) -> None:
    """On a German page 12.345 is twelve thousand."""
    dno = await make.dno(pool)
    await make.price(pool, dno, 2024, PriceKind.SLP_GRUNDPREIS, "59.00")
    price = await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, "60.00")
    path = f"/de/work/entries/{global_id(price)}"
    form = await editor.open_form(path, "save")
    page = await editor.send(form, amount="1000,125", action="save")
    assert "Betrag: 60,00 €/Jahr → 1.000,125 €/Jahr" in page.text
    assert (await editor.send(form_of(page.text), action="save")).status_code == 303
    assert "Betrag: 60,00 €/Jahr → 1.000,125 €/Jahr" in (await editor.open(path)).text
    # These are listed without the units of their entries.
    assert "Betrag: 60,00 → 1.000,125" in (await editor.open("/de/work/changes")).text
    assert "Amount: 60.00 → 1,000.125" in (await editor.open("/en/work/changes")).text


async def test_errors_stand_beside_their_fields_and_what_was_typed_stays(editor: Browser, pool: Pool) -> None:
    dno = await make.dno(pool)
    hlzf = await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER)
    path = f"/de/work/entries/{global_id(hlzf)}"
    form = await editor.open_form(path, "save")
    for typed in ("16:30", "16:30–17:00 x", "25:00–26:00", "17:00–16:00"):
        page = await editor.send(form, windows=typed, action="save")
        assert page.status_code == 400, typed
        assert f">{typed}</textarea>" in unescape(page.text), typed
        assert 'class="problem"' in page.text
    response = await editor.send(form, windows="06:00–08:15\r\n17:00-19:30", action="save")
    assert response.status_code == 303, text_of(response)
    assert "06:00–08:15\n17:00–19:30" in (await editor.open(path)).text


async def test_a_value_that_an_entry_must_have_is_not_said_to_be_saved_when_it_was_emptied(
    editor: Browser, pool: Pool
) -> None:
    dno = await make.dno(pool)
    price = await make.price(pool, dno, amount="7.49")
    path = f"/de/work/entries/{global_id(price)}"
    refused = await editor.send(await editor.open_form(path, "save"), amount=" ", action="save")
    assert refused.status_code == 400
    assert "Das darf nicht leer sein." in refused.text
    tariff = await make.tariff(pool, dno, leistung="58.20")
    path = f"/de/work/entries/{global_id(tariff)}"
    saved = await editor.send(await editor.open_form(path, "save"), leistung="", action="save")
    assert saved.status_code == 303, "a price may be unknown there"


async def test_reasons_of_the_api_state_that_they_are_english(editor: Browser, pool: Pool) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20", arbeit="1.26")
    form = await editor.open_form(f"/de/work/entries/{global_id(tariff)}", "save")
    negative = (await editor.send(form, leistung="-5", action="save")).text
    assert re.search(r'id="error-leistung" lang="en">', negative)
    unreadable = (await editor.send(form, leistung="abc", action="save")).text
    assert re.search(r'id="error-leistung">„abc“', unreadable)


async def test_a_year_that_is_none_is_named_above_the_lists_filters_with_what_was_typed(
    editor: Browser,
) -> None:
    page = await editor.open("/de/work/entries?list=flagged&dno=netze-a&year=20x6")
    assert (page.status_code, "Das Jahr ist eine Zahl" in page.text) == (400, True)
    values = form_of(page.text, "get").values
    assert [values[name] for name in ("list", "dno", "year")] == ["flagged", "netze-a", "20x6"]
    none = await editor.open("/de/work/entries?list=flagged&dno=netze-a")
    assert "Zu dieser Auswahl gibt es keinen Eintrag." in none.text


async def test_a_conflict_is_shown_as_three_values_and_solved_in_place(
    editor: Browser, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20", arbeit="1.26")
    path = f"/en/work/entries/{global_id(tariff)}"
    mine = await editor.open_form(path, "save")
    theirs = await editor.open_form(path, "save")
    assert (
        await editor.send(theirs, leistung="59.00", sourceUrl="https://a.example/b.pdf", action="save")
    ).status_code == 303
    page = await editor.send(mine, leistung="60.00", action="save")
    assert page.status_code == 409
    assert re.search("Capacity price from 2500 h/a 58.20 59.00 60.00", text_of(page))
    assert "Address of the source – https://a.example/b.pdf unchanged" in text_of(page)
    merged = form_of(page.text)
    assert merged.values["leistung"] == "60.00"
    assert merged.values["sourceUrl"] == "https://a.example/b.pdf"
    response = await editor.send(
        merged, take__leistung="theirs", sourceUrl="https://a.example/c.pdf", action="save"
    )
    assert response.status_code == 303, text_of(response)
    values = (await editor.open_form(path, "save")).values
    assert (values["leistung"], values["sourceUrl"]) == ("59.00", "https://a.example/c.pdf")


async def test_an_entry_is_verified_flagged_and_unflagged(administrator: Browser, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/en/work/entries/{global_id(tariff)}"
    for action, reason, shown in (
        ("verify", None, "verified"),
        ("flag", "a digit is missing", "flagged"),
        ("unflag", None, "unverified"),
    ):
        form = await administrator.open_form(path, action)
        typed = {"action": action} if reason is None else {"action": action, "reason": reason}
        response = await administrator.send(form, **typed)
        assert response.status_code == 303, text_of(response)
        assert shown in text_of(await administrator.open(path)).partition("Version")[0]
    assert "a digit is missing" in (await administrator.open(path)).text
    stale = await administrator.open_form(path, "verify")
    assert (await administrator.send(stale, action="verify")).status_code == 303
    assert (await administrator.send(stale, action="flag", reason="x")).status_code == 409


@pytest.mark.parametrize(
    ("action", "of_another"),
    [
        ("verify", "flag"),
        ("flag", "flag"),
        ("delete", "flag"),
        ("revert", "flag"),
        ("save", "flag"),
        ("flag", "save"),
        ("delete", "save"),
    ],
)
async def test_a_step_that_comes_after_that_of_another_person_states_that_nothing_was_done(
    administrator: Browser, pool: Pool, action: str, of_another: str
) -> None:
    """Where the form has no figures of its own to compare."""
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58.20")
    await pool.fetch("UPDATE netzentgelte_data SET leistung = 58.90 WHERE id = $1", tariff.id)
    path = f"/de/work/entries/{global_id(tariff)}"
    stale = await administrator.open_form(path, action)
    theirs = await administrator.open_form(path, of_another)
    step = {"reason": "a digit is missing"} if of_another == "flag" else {"leistung": "59.10"}
    assert (await administrator.send(theirs, action=of_another, **step)).status_code == 303
    typed = {} if action in ("verify", "revert") else {"reason": "of another year"}
    typed |= {"verify": "1"} if action == "save" else {}
    page = await administrator.send(stale, action=action, **typed)
    assert page.status_code == 409
    assert "wurde inzwischen geändert, und es wurde nichts gespeichert" in text_of(page)
    assert "trotzdem vorläufig machen" not in text_of(page)
    # What was typed stays where it was typed.
    pieces = page.text.split("<form")[1:]
    assert [f'value="{action}"' in part for part in pieces if 'value="of another year"' in part] == (
        [True] if "reason" in typed else []
    )
    # From what is shown, the step can be repeated.
    again = form_of("<form" + next(part for part in pieces if f'value="{action}"' in part))
    assert (await administrator.send(again, action=action, **typed)).status_code == 303


async def test_a_final_entry_becomes_preliminary_only_when_that_was_chosen_again(
    editor: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/de/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    page = await editor.send(form, publication="PRELIMINARY", action="save")
    assert (page.status_code, "trotzdem vorläufig machen" in text_of(page)) == (409, True)
    assert (await editor.send(form_of(page.text), force="1", action="save")).status_code == 303
    assert (await editor.open_form(path, "save")).values["publication"] == "PRELIMINARY"


async def test_what_was_chosen_beside_a_correction_is_kept_while_its_warning_is_shown(
    administrator: Browser, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024, leistung="58.20")
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20")
    path = f"/de/work/entries/{global_id(tariff)}"
    form = await administrator.open_form(path, "save")
    page = await administrator.send(
        form, leistung="582.00", publication="PRELIMINARY", verify="1", action="save"
    )
    assert (page.status_code, "trotzdem vorläufig machen" in text_of(page)) == (409, True)
    form = form_of(page.text)
    assert "force" not in form.values
    page = await administrator.send(form, force="1", verify="1", action="save")
    assert (page.status_code, "Bitte prüfen Sie noch einmal" in text_of(page)) == (200, True)
    assert (await administrator.send(form_of(page.text), action="save")).status_code == 303
    entry = await pool.fetch(
        "SELECT leistung, publication, verification_status FROM netzentgelte_data WHERE year = 2025"
    )
    assert [*map(str, entry[0])] == ["582.00", "PRELIMINARY", "verified"]


async def test_an_entry_that_is_refused_for_another_one_is_not_offered_to_be_made_preliminary(
    editor: Browser, pool: Pool
) -> None:
    """Levies are never preliminary."""
    levy = await make.levy(pool, valid_from="2024-01-01", valid_to=date(2024, 12, 31))
    await make.levy(pool, valid_from="2025-01-01")
    form = await editor.open_form(f"/de/work/entries/{global_id(levy)}", "save")
    page = await editor.send(form, validTo="2025-06-30", action="save")
    assert (page.status_code, "trotzdem vorläufig machen" in text_of(page)) == (409, False)


async def test_administrators_revert_and_delete_and_editors_do_not(
    administrator: Browser, server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58.20")
    path = f"/en/work/entries/{global_id(tariff)}"
    form = await administrator.open_form(path, "save")
    await administrator.send(form, leistung="59.10", action="save")
    revert = await administrator.open_form(path, "revert")
    assert (await administrator.send(revert, action="revert")).status_code == 303
    assert (await administrator.open_form(path, "save")).values["leistung"] == "58.20"
    delete = await administrator.open_form(path, "delete")
    response = await administrator.send(delete, action="delete", reason="of another operator")
    assert response.status_code == 303
    assert "is deleted" in text_of(await administrator.open(response.headers["location"]))
    assert (await administrator.open(path)).status_code == 404


async def test_a_revert_to_what_the_entry_is_already_is_not_said_to_have_been_done(
    administrator: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/en/work/entries/{global_id(tariff)}"
    flag = await administrator.open_form(path, "flag")
    assert (await administrator.send(flag, action="flag", reason="a doubt")).status_code == 303
    unflag = await administrator.open_form(path, "unflag")
    assert (await administrator.send(unflag, action="unflag")).status_code == 303
    page = (await administrator.open(path)).text
    [of_unflag, of_flag] = [
        form_of("<form" + part) for part in page.split("<form")[1:] if 'value="revert"' in part
    ]
    response = await administrator.send(of_flag, action="revert")
    assert response.status_code == 200
    assert "Nothing was changed" in text_of(response)
    assert "Reverted." not in text_of(response)
    assert f"Version {of_flag.values['version']}" in text_of(response)
    response = await administrator.send(of_unflag, action="revert")
    assert response.headers["location"] == f"{path}?done=revert"


async def test_a_revert_that_deletes_the_entry_again_leads_to_the_lists_since_it_has_no_page_then(
    administrator: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/en/work/entries/{global_id(tariff)}"
    delete = await administrator.open_form(path, "delete")
    await administrator.send(delete, action="delete", reason="of another operator")
    [undo] = [
        form_of("<form" + part)
        for part in (await administrator.open("/en/work/changes")).text.split("<form")[1:]
        if 'name="revision"' in part
    ]
    assert (await administrator.send(undo)).status_code == 303
    restored = await administrator.open_form(path, "revert")
    response = await administrator.send(restored, action="revert")
    assert response.headers["location"] == "/en/work?done=delete"
    assert "is deleted" in text_of(await administrator.open(response.headers["location"]))


async def test_a_verification_of_what_is_verified_already_is_not_said_to_be_saved(
    administrator: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/en/work/entries/{global_id(tariff)}"
    verify = await administrator.open_form(path, "verify")
    assert (await administrator.send(verify, action="verify")).status_code == 303
    form = await administrator.open_form(path, "save")
    for action in ("save", "verify"):
        response = await administrator.send(form, action=action, verify="1")
        assert response.status_code == 200, action
        assert "Nothing was changed." in text_of(response), action


async def test_editors_can_neither_delete_revert_nor_verify(editor: Browser, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    path = f"/en/work/entries/{global_id(tariff)}"
    page = await editor.open(path)
    for action in ("delete", "revert", "verify"):
        assert f'value="{action}"' not in page.text
    form = await editor.open_form(path, "save")
    [revision] = await pool.fetch("SELECT id FROM revisions")
    revert = {"action": "revert", "revision": f"revision_{revision['id'].hex}"}
    for typed in ({"action": "delete", "reason": "x"}, {"action": "verify"}, {"verify": "1"}, revert):
        assert (await editor.send(form, **typed)).status_code == 403, typed
    assert (await editor.open(path)).status_code == 200


async def test_lists_have_what_is_to_be_looked_at(editor: Browser, pool: Pool) -> None:
    dno = await make.dno(pool, "netze-adorf", name="Netze Adorf")
    await make.tariff(pool, dno, 2024, VoltageLevel.MS, verification_status="verified")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, verification_status="flagged")
    await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "6.812", "NS")
    overview = text_of(await editor.open("/en/work"))
    assert "Unverified 1 entry" in overview
    assert "Flagged 1 entry" in overview
    flagged = text_of(await editor.open("/en/work/entries?list=flagged"))
    assert "Netze Adorf: grid charges, medium voltage, 2025" in flagged
    assert "2024" not in flagged
    for path, status in (
        ("/work/entries?list=flagged&dno=netze-adorf&year=2024", 200),
        ("/work/entries?list=best", 400),
        ("/work/entries?year=x", 400),
        ("/work/entries?colour=red", 400),
        ("/work/entries?list=flagged&list=unverified", 400),
        ("/work/entries/nonsense", 400),
    ):
        assert (await editor.open(path)).status_code == status, path


async def test_every_kind_of_entry_has_a_form_that_changes_nothing_when_it_is_sent_as_it_is(
    editor: Browser, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    entries = [
        await make.tariff(pool, dno, 2025),
        await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER),
        await make.time_of_use(pool, dno, 2025),
        await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "6.812", "NS"),
        await make.holiday_rule(pool, dno, 2025, bridge_days="ALL_EXCLUDED"),
        await make.levy(pool),
    ]
    prefixes = {family.struct: family.id_prefix for family in FAMILIES}
    assert {type(entry) for entry in entries} == set(prefixes)
    for language in ("de", "en"):
        for entry in entries:
            path = f"/{language}/work/entries/{prefixes[type(entry)]}_{entry.id.hex}"
            form = await editor.open_form(path, "save")
            response = await editor.send(form, action="save")
            assert response.status_code == 200, text_of(response)
            assert re.search("Nothing was changed|Es wurde nichts geändert", response.text)


async def test_the_lists_of_an_entry_are_described_in_the_language_of_the_page(
    editor: Browser, pool: Pool
) -> None:
    dno = await make.dno(pool)
    entry = global_id(await make.time_of_use(pool, dno, 2025))
    german = (await editor.open(f"/de/work/entries/{entry}")).text
    assert '<label for="field-bands">Preise der Stufen' in german
    assert "Je Zeile: Stufe Preis<" in german
    assert "Je Zeile: Quartal Stufe Beginn Ende<" in german
    english = (await editor.open(f"/en/work/entries/{entry}")).text
    assert '<label for="field-bands">Prices of the bands' in english
    assert "In each line: quarter band start end<" in english


async def test_what_people_typed_is_escaped(editor: Browser, pool: Pool) -> None:
    dno = await make.dno(pool, name=SCRIPT, city=SCRIPT)
    tariff = await make.tariff(pool, dno, 2025)
    path = f"/en/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    pages = [
        await editor.send(form, leistung=SCRIPT, reason=f'"{SCRIPT}', action="save"),
        await editor.send(await editor.open_form(path, "flag"), action="flag", reason=SCRIPT),
        await editor.open(path),
        await editor.open("/en/work/entries?list=flagged"),
        await editor.client.get("/work/entries", params={"dno": SCRIPT}),
        await editor.client.get("/work/sign-in", params={"next": f'"{SCRIPT}'}),
    ]
    for page in pages:
        assert SCRIPT not in page.text
        assert set(active_parts_of(page)) <= {"script defer src"}


async def test_signing_out_ends_the_session(editor: Browser) -> None:
    [form] = [form for form in forms_of((await editor.open("/work")).text) if "sign-out" in form.action]
    assert (
        await editor.client.post(form.action, data={"token": ""}, headers=editor.origin)
    ).status_code == 403
    response = await editor.send(form)
    assert response.status_code == 303
    assert (await editor.open("/work")).status_code == 303
    assert (await editor.client.get("/work/sign-out")).status_code == 405


async def test_a_form_whose_session_has_ended_is_shown_again_with_what_was_typed(
    editor: Browser, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), 2025, leistung="58.20")
    path = f"/de/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    editor.client.cookies.clear()
    typed = {"leistung": "59,10", "reason": "Druckfehler", "action": "save"}
    ended = await editor.send(form, **typed)
    assert ended.status_code == 401
    assert "kam ohne Anmeldung an; geändert wurde nichts" in text_of(ended)
    [address] = re.findall(r'href="([^"]*sign-in[^"]*)" target="_blank"', ended.text)
    sign_in = form_of((await editor.open(unescape(address))).text)
    accepted = await editor.send(sign_in, email=EMAIL, password=PASSWORD)
    assert accepted.headers["location"] == path
    shown = await editor.send(form, **typed)  # the page with the reason is loaded again
    assert shown.status_code == 403
    assert "früheren Anmeldung" in text_of(shown)
    again = next(each for each in forms_of(shown.text) if "leistung" in each.values)
    assert (again.values["leistung"], again.values["reason"]) == ("59,10", "Druckfehler")
    assert "58,20" in (await editor.client.get("/de/operators/netze-a/2025")).text
    assert (await editor.send(again, action="save")).status_code == 303
    assert (await editor.open_form(path, "save")).values["leistung"] == "59,10"


async def test_what_is_typed_into_other_forms_of_an_entry_is_not_put_into_that_of_its_correction(
    editor: Browser, pool: Pool
) -> None:
    path = f"/de/work/entries/{global_id(await make.tariff(pool, await make.dno(pool)))}"
    form = await editor.open_form(path, "flag")
    editor.client.cookies.clear()
    await editor.sign_in()
    refused = await editor.send(form, action="flag", reason="eine Ziffer fehlt")
    assert refused.status_code == 403
    assert "öffnen Sie es neu" in text_of(refused)
    assert "eine Ziffer fehlt" not in refused.text


async def test_a_program_that_is_not_signed_in_gets_the_message_of_other_addresses(browser: Browser) -> None:
    headers = {**browser.origin, "accept": "application/json"}
    for path in ("/work/import", "/work/keys"):
        refused = await browser.client.post(path, data={}, headers=headers)
        assert refused.status_code == 401
        assert refused.json()["detail"] == "Please sign in, or send an API key."
    page = text_of(await browser.client.post("/en/work/account", data={}, headers=browser.origin))
    assert "The form arrived without a sign-in; nothing was changed." in page
    assert "shown again" not in page


async def test_characters_that_set_the_direction_stay_in_forms_and_are_named_in_the_history(
    editor: Browser, server: Running, pool: Pool
) -> None:
    address = "https://a.example/\u202eb.pdf"
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, 2025, source_url=address)
    path = f"/en/work/entries/{global_id(tariff)}"
    form = await editor.open_form(path, "save")
    assert form.values["sourceUrl"] == address
    unchanged = await editor.send(form, action="save")
    assert "Nothing was changed." in text_of(unchanged)
    theirs = {"sourceUrl": "https://a.example/b.pdf", "action": "save"}
    assert (await editor.send(form, **theirs)).status_code == 303
    await server.delivered()
    difference = "https://a.example/\\u202eb.pdf → https://a.example/b.pdf"
    assert difference in text_of(await editor.open(path))
    assert difference in text_of(await editor.open("/en/work/changes"))
    assert difference in text_of(await editor.open("/en/operators/netze-a/2025"))
    conflict = await editor.send(form, sourceUrl="https://a.example/c.pdf", action="save")
    assert conflict.status_code == 409
    assert "https://a.example/\\u202eb.pdf https://a.example/b.pdf https://a.example/c.pdf" in text_of(
        conflict
    )


async def test_characters_that_set_the_direction_stay_in_lists_of_a_form(editor: Browser, pool: Pool) -> None:
    hlzf = await make.hlzf(pool, await make.dno(pool), 2025, VoltageLevel.MS, Season.WINTER, "07:40-12:00")
    form = await editor.open_form(f"/en/work/entries/{global_id(hlzf)}", "save")
    typed = "07:40-12:00\n17:00 \u202e< 18:00"
    refused = await editor.send(form, windows=typed, action="save")
    assert refused.status_code == 400
    [shown] = re.findall(r'<textarea[^>]* name="windows"[^>]*>([^<]*)</textarea>', refused.text)
    assert unescape(shown) == typed


async def test_signing_in_without_redis_is_an_outage(
    settings: Settings, pool: Pool, add_user: Any, valkey: PrivateValkey
) -> None:
    await add_user(Role.EDITOR)
    without = msgspec.structs.replace(
        settings, redis_url=valkey.url, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with (
        running(without) as server,
        browser_of(server) as client,
    ):
        person = Browser(client)
        form = form_of((await person.open("/en/work/sign-in")).text)
        valkey.kill()
        refused = await person.send(form, email=EMAIL, password=PASSWORD)
    assert refused.status_code == 503
    assert form_of(refused.text).values["email"] == EMAIL


async def test_too_many_attempts_to_sign_in_are_explained_in_the_language_of_the_page(
    browser: Browser, add_user: Any, settings: Settings
) -> None:
    await add_user(Role.EDITOR)
    form = form_of((await browser.open("/de/work/sign-in")).text)
    for _ in range(settings.rate_limit_sign_in):
        assert (await browser.send(form, email=EMAIL, password="wrong")).status_code == 401
    refused = await browser.send(form, email=EMAIL, password=PASSWORD)
    assert refused.status_code == 429
    assert "Zu viele Anmeldeversuche. Bitte warten Sie bis zu 15 min;" in text_of(refused)
    assert "Too many" not in refused.text


async def test_a_session_is_not_taken_over_from_before_signing_in(browser: Browser, add_user: Any) -> None:
    await add_user(Role.EDITOR)
    planted = "A" * 43
    browser.client.cookies.set("dno_session", planted)
    await browser.sign_in()
    assert browser.client.cookies.get("dno_session", domain="127.0.0.1") != planted


SET_ASIDE = "query ($after: String) { setAside(first: 2, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { rowId } } }"


async def set_rows_aside(pool: Pool, *reasons: str) -> None:
    for number, reason in enumerate(reasons, 1):
        await pool.fetch(
            "INSERT INTO set_aside_rows (source, source_id, part, reason, content) VALUES ('netzentgelte', $1, '', $2, $3)",
            number,
            reason,
            {"id": number, "voltage_level": "Dach", "leistung": None},
        )


async def test_rows_that_were_not_taken_over_are_listed_with_their_reason(
    editor: Browser, pool: Pool
) -> None:
    assert "Nothing is set aside" in (await editor.open("/en/work/set-aside")).text
    await set_rows_aside(pool, "voltage_level must be one of HOES", SCRIPT)
    assert "Set aside by the import 2 rows" in text_of(await editor.open("/en/work"))
    page = await editor.open("/en/work/set-aside")
    assert "netzentgelte 1 voltage_level must be one of HOES id 1; voltage_level Dach" in text_of(page)
    assert SCRIPT not in page.text
    assert (await editor.open("/work/set-aside?after=nonsense")).status_code == 400


async def test_rows_that_were_set_aside_are_paged_and_only_for_editors(server: Running, pool: Pool) -> None:
    await set_rows_aside(pool, *"abcde")
    _, headers = await issue_key(pool, Role.EDITOR)
    found, after = [], None
    while True:
        rows = (await server.execute(SET_ASIDE, headers, after=after))["setAside"]
        found += [row["rowId"] for row in rows["nodes"]]
        assert rows["totalCount"] == 5
        if not rows["pageInfo"]["hasNextPage"]:
            break
        after = rows["pageInfo"]["endCursor"]
    assert found == ["1", "2", "3", "4", "5"]
    _, viewer = await issue_key(pool, Role.VIEWER, "viewer")
    for refused in (viewer, {}):
        body = {"query": SET_ASIDE, "variables": {}}
        async with httpx.AsyncClient(headers=refused) as client:
            errors = (await client.post(server.url, json=body)).json()["errors"]
        assert errors[0]["extensions"]["code"] in ("FORBIDDEN", "UNAUTHENTICATED")
