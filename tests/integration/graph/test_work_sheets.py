"""/work/sheets/new: a whole price sheet is typed in, checked by a dry run and saved in one transaction."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from app.resources import Resources
from tests import factories as make
from tests.forms import form_of
from tests.integration.graph.page_client import SCRIPT, text_of
from tests.integration.graph.signing_in import signed_in
from tests.integration.graph.writing import Caller

PATH = "/work/sheets/new"
BROWSER = {"accept": "text/html", "accept-language": "de"}
READ = """
{ dno(slug: "netze-a") {
  tariffs(year: 2026) { voltageLevel leistung arbeit leistungUnter2500h arbeitUnter2500h version publication source { url } }
  hlzf(year: 2026) { voltageLevel season version windows { start end } }
  timeOfUse(year: 2026) { version bands { band price } windows { quarter band start end } }
  prices(year: 2026, derived: false) { kind voltageLevel variant amount version }
} }
"""


@pytest.fixture(autouse=True)
async def netze_a(pool: Pool) -> Any:
    return await make.dno(pool, "netze-a", name=f"Netze A {SCRIPT}")


class Sheet:
    """A person with a browser."""

    def __init__(self, caller: Caller, language: str = "de") -> None:
        self._caller = caller
        self._path = f"/{language}{PATH}"
        self.page: httpx.Response
        self.fields: dict[str, str] = {}

    async def open(self, dno: str = "netze-a", year: int = 2026) -> "Sheet":
        await self._take(
            await self._caller.client.get(
                self._path, params={"dno": dno, "year": year}, headers=self._caller.headers | BROWSER
            )
        )
        assert self.page.status_code == 200, self.page.text
        return self

    async def send(self, step: str = "check", **typed: str) -> httpx.Response:
        """Names have `__` for a point and `_` for a hyphen."""
        self.fields |= {name.replace("__", "."): value for name, value in typed.items()}
        fields = self.fields | {"step": step}
        headers = self._caller.headers | BROWSER
        await self._take(await self._caller.client.post(self._path, data=fields, headers=headers))
        return self.page

    async def save(self) -> httpx.Response:
        await self.send("save")
        assert self.page.status_code == 303, text_of(self.page)
        target = self.page.headers["location"]
        self.page = await self._caller.client.get(target, headers=self._caller.headers | BROWSER)
        return self.page

    async def _take(self, page: httpx.Response) -> None:
        self.page = page
        if "<form" in page.text:
            self.fields = form_of(page.text).values


@pytest.fixture
async def sheet(editor: Caller) -> Sheet:
    return await Sheet(editor).open()


async def stored(caller: Caller) -> Any:
    return (await caller.execute(READ))["dno"]


async def test_a_sheet_is_checked_and_then_saved_as_a_whole(sheet: Sheet, editor: Caller, pool: Pool) -> None:
    sheet.fields |= {
        "url": "https://e.org/preisblatt.pdf",
        "page": "0003",
        "publication": "PRELIMINARY",
        "tariffs.MS.leistung": "58,20",
        "tariffs.MS.arbeit": "1,26 ct/kWh",
        "tariffs.MS.leistungUnter2500h": "12.50 €",
        "tariffs.MS.arbeitUnter2500h": "3,088",
        "hlzf.MS.WINTER.windows": "16:30–18:00 Uhr, 07:45-12:00 Uhr",
        "hlzf.MS.SUMMER.windows": "keine",
        "timeOfUse.band-HT": "12,5",
        "timeOfUse.1-HT": "17:00–20:00",
    }
    names = [name for name, value in sheet.fields.items() if value == "SLP_ARBEITSPREIS"]
    sheet.fields[names[0].replace(".kind", ".amount")] = "8,41"
    checked = await sheet.send()
    assert checked.status_code == 200
    assert "Speichern: 5 Einträge" in text_of(checked)
    assert "Veröffentlichung: vorläufig" in text_of(checked)
    assert '<label for="publication">Veröffentlichung</label>' in checked.text
    assert (await stored(editor))["tariffs"] == []
    saved = await sheet.save()
    assert "Gespeichert: 5 Einträge." in text_of(saved)
    now = await stored(editor)
    assert now["tariffs"] == [
        {
            "voltageLevel": "MS",
            "leistung": "58.20",
            "arbeit": "1.26",
            "leistungUnter2500h": "12.50",
            "arbeitUnter2500h": "3.088",
            "version": 1,
            "publication": "PRELIMINARY",
            "source": {"url": "https://e.org/preisblatt.pdf#page=3"},
        }
    ]
    assert {each["season"]: len(each["windows"]) for each in now["hlzf"]} == {"WINTER": 2, "SUMMER": 0}
    assert now["timeOfUse"][0]["bands"] == [{"band": "HT", "price": "12.5"}]
    assert now["timeOfUse"][0]["windows"] == [{"quarter": 1, "band": "HT", "start": "17:00", "end": "20:00"}]
    assert now["prices"] == [
        {"kind": "SLP_ARBEITSPREIS", "voltageLevel": "NS", "variant": None, "amount": "8.41", "version": 1}
    ]


async def test_an_unchecked_sheet_is_checked_and_not_saved(sheet: Sheet, editor: Caller) -> None:
    page = await sheet.send("save", tariffs__MS__leistung="58,20")
    assert (page.status_code, "Speichern: 1 Eintrag" in text_of(page)) == (200, True)
    sheet.fields["tariffs.MS.leistung"] = "60"
    page = await sheet.send("save")  # what is checked is another price
    assert (page.status_code, (await stored(editor))["tariffs"]) == (200, [])
    await sheet.save()
    assert (await stored(editor))["tariffs"][0]["leistung"] == "60"


async def test_what_is_stored_is_shown_and_only_differences_are_written(
    editor: Caller, pool: Pool, netze_a: Any
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="1234.5", arbeit="1.234")
    await make.tariff(pool, netze_a, 2026, VoltageLevel.HS, leistung="20")
    await make.hlzf(pool, netze_a, 2026, VoltageLevel.MS, Season.WINTER)
    await make.time_of_use(pool, netze_a, 2026)
    await make.price(pool, netze_a, 2026, PriceKind.MESSSTELLENBETRIEB, "10.68", None, f"Zähler {SCRIPT}")
    sheet = await Sheet(editor).open()
    assert SCRIPT not in sheet.page.text
    assert (sheet.fields["tariffs.MS.leistung"], sheet.fields["tariffs.MS.arbeit"]) == ("1234,5", "1,234")
    page = await sheet.send()
    assert "Nichts zu speichern" in text_of(page)
    await sheet.send(tariffs__MS__leistung="1240")
    await sheet.save()
    tariffs = {each["voltageLevel"]: each for each in (await stored(editor))["tariffs"]}
    assert (tariffs["MS"]["leistung"], tariffs["MS"]["arbeit"]) == ("1240", "1.234")
    assert (tariffs["MS"]["version"], tariffs["HS"]["version"]) == (2, 1)


async def test_a_figure_of_an_entry_can_be_emptied_and_the_entry_cannot(
    editor: Caller, pool: Pool, netze_a: Any
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="1", arbeit="2")
    sheet = await Sheet(editor).open()
    empty = {name: "" for name in sheet.fields if name.startswith("tariffs.MS.") and not name.endswith("was")}
    page = await sheet.send(**{name.replace(".", "__"): value for name, value in empty.items()})
    assert (page.status_code, "wird hier nicht entfernt" in text_of(page)) == (400, True)
    await sheet.send(tariffs__MS__leistung="1")
    await sheet.save()
    assert (await stored(editor))["tariffs"][0]["arbeit"] is None


async def test_errors_are_beside_their_fields_and_all_that_was_typed_stays(
    sheet: Sheet, editor: Caller
) -> None:
    page = await sheet.send(
        tariffs__MS__leistung="1.234",
        tariffs__MS__arbeit=SCRIPT,
        tariffs__HS__leistung="-1",
        hlzf__MS__WINTER__windows="morgens",
        page="3",
    )
    assert page.status_code == 400
    text = text_of(page)
    assert "kann 1234 oder 1,234 heißen" in text
    assert "muss Fenster nennen wie 07:45–12:00" in text
    assert "Zur Seite gehört die Adresse des Dokuments." in text
    assert SCRIPT not in page.text
    assert sheet.fields["tariffs.MS.arbeit"] == SCRIPT
    assert 'aria-invalid="true" aria-describedby="tariffs.MS.leistung.error"' in page.text
    page = await sheet.send(
        tariffs__MS__leistung="1234", tariffs__MS__arbeit="2", hlzf__MS__WINTER__windows="", page=""
    )
    assert "A price is not negative." in text_of(page)
    assert 'aria-describedby="tariffs.HS.leistung.error"' in page.text
    assert (await stored(editor))["tariffs"] == []


async def test_unusual_figures_are_shown_before_they_are_saved(sheet: Sheet, editor: Caller) -> None:
    page = await sheet.send(
        tariffs__MS__leistung="58,20",
        tariffs__MS__arbeit="1,26",
        tariffs__MS__leistungUnter2500h="12,50",
        tariffs__MS__arbeitUnter2500h="9,99",
    )
    assert (page.status_code, 'class="warning"' in page.text) == (200, True)
    await sheet.save()
    assert len((await stored(editor))["tariffs"]) == 1


@pytest.mark.parametrize("page", ["0", "²", "99999", "9" * 5_000])
async def test_a_page_of_a_document_that_cannot_be_is_refused_beside_its_field(
    sheet: Sheet, page: str
) -> None:
    refused = await sheet.send(url="https://e.org/a.pdf", page=page, tariffs__MS__leistung="58,20")
    assert (refused.status_code, "Die Seite ist eine Zahl von 1 bis 9999." in text_of(refused)) == (400, True)


@pytest.mark.parametrize(
    ("language", "typed", "tariff", "price", "band"),
    [
        (
            "de",
            ("12,3450", "8,125", "9,375"),
            "60,00 €/kW und Jahr → 12,3450 €/kW und Jahr",
            "Betrag: 8,125 ct/kWh",
            "Preis HT: 9,375 ct/kWh",
        ),
        (
            "en",
            ("12.3450", "8.125", "9.375"),
            "60.00 EUR/kW and year → 12.3450 EUR/kW and year",
            "Amount: 8.125 ct/kWh",
            "Price HT: 9.375 ct/kWh",
        ),
    ],
)
async def test_what_would_be_saved_is_shown_as_the_language_of_the_page_writes_numbers(
    editor: Caller,
    pool: Pool,
    netze_a: Any,
    language: str,
    typed: tuple[str, str, str],
    tariff: str,
    price: str,
    band: str,
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="60.00")
    sheet = await Sheet(editor, language).open()
    names = [name for name, value in sheet.fields.items() if value == "SLP_ARBEITSPREIS"]
    sheet.fields |= {
        "tariffs.MS.leistung": typed[0],
        names[0].replace(".kind", ".amount"): typed[1],
        "timeOfUse.band-HT": typed[2],
        "timeOfUse.1-HT": "17:00–20:00",
    }
    shown = text_of(await sheet.send())
    for change in (tariff, price, band):
        assert change in shown


async def test_what_another_tab_has_changed_is_shown_and_overwritten_only_after_another_check(
    editor: Caller, pool: Pool, netze_a: Any
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="1", arbeit="2")
    one, two = await Sheet(editor).open(), await Sheet(editor).open()
    await one.send(tariffs__MS__leistung="5", tariffs__HS__leistung="7")
    await one.save()
    page = await two.send(tariffs__MS__leistung="6")
    assert page.status_code == 400
    assert "Inzwischen geändert" in text_of(page)
    assert "Leistungspreis ab 2.500 h, €/kW 5" in text_of(page)
    assert (two.fields["tariffs.MS.leistung"], two.fields["tariffs.HS.leistung"]) == ("6", "7")
    await two.send()
    await two.save()
    assert [each["leistung"] for each in (await stored(editor))["tariffs"]] == ["7", "6"]


async def test_what_changes_between_check_and_save_is_not_overwritten(
    editor: Caller, pool: Pool, netze_a: Any
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="1", arbeit="2")
    one, two = await Sheet(editor).open(), await Sheet(editor).open()
    await one.send(tariffs__MS__leistung="5", tariffs__HS__leistung="7")
    await two.send(tariffs__MS__leistung="6")
    await two.save()
    page = await one.send("save")
    assert (page.status_code, "Inzwischen geändert" in text_of(page)) == (400, True)
    assert [each["leistung"] for each in (await stored(editor))["tariffs"]] == ["6"]


async def test_a_price_that_is_not_in_the_list_is_added_by_kind_level_and_variant(
    sheet: Sheet, editor: Caller
) -> None:
    free = next(name for name in sheet.fields if name.endswith(".free")).removesuffix(".free")
    page = await sheet.send(**{f"{free}.amount".replace(".", "__"): "3,10"})
    assert "Bitte wählen, welcher Preis das ist." in text_of(page)
    sheet.fields |= {f"{free}.kind": "RESERVE_200H", f"{free}.level": "", f"{free}.variant": "mit Vertrag"}
    page = await sheet.send()
    assert "RESERVE_200H needs a voltage level" in text_of(page)
    sheet.fields[f"{free}.level"] = "MS"
    await sheet.send()
    await sheet.save()
    assert (await stored(editor))["prices"] == [
        {
            "kind": "RESERVE_200H",
            "voltageLevel": "MS",
            "variant": "mit Vertrag",
            "amount": "3.10",
            "version": 1,
        }
    ]


async def test_preliminary_entries_become_final_only_if_that_is_chosen(
    editor: Caller, pool: Pool, netze_a: Any
) -> None:
    for level in ("MS", "HS"):
        await editor.write(
            "addTariff", dno="netze-a", year=2026, voltageLevel=level, leistung="1", publication="PRELIMINARY"
        )
    sheet = await Sheet(editor).open()
    assert sheet.fields["publication"] == "PRELIMINARY"
    page = await sheet.send(publication="FINAL")
    assert "Nichts zu speichern" in text_of(page)
    page = await sheet.send(confirm="true", publication="FINAL")
    assert "Speichern: 2 Einträge" in text_of(page)
    await sheet.save()
    assert [each["publication"] for each in (await stored(editor))["tariffs"]] == ["FINAL", "FINAL"]


async def test_in_english_a_point_is_a_decimal_point(editor: Caller) -> None:
    sheet = await Sheet(editor, "en").open()
    await sheet.send(
        tariffs__MS__arbeit="1.234", tariffs__MS__leistung="1,058.20", hlzf__MS__WINTER__windows="none"
    )
    page = await sheet.save()
    assert "Saved: 2 entries." in text_of(page)
    tariff = (await stored(editor))["tariffs"][0]
    assert (tariff["arbeit"], tariff["leistung"]) == ("1.234", "1058.20")


async def test_without_an_operator_the_page_asks_for_it(editor: Caller) -> None:
    page = await editor.client.get(PATH, headers=editor.headers | BROWSER)
    assert form_of(page.text, "get").action == PATH
    for params, status in (
        ({"dno": "no-one", "year": "2026"}, 404),
        ({"dno": "netze-a", "year": "1999"}, 400),
        ({"dno": "netze-a", "year": "x"}, 400),
        ({"dno": "netze-a", "other": "x"}, 400),
    ):
        page = await editor.client.get(PATH, params=params, headers=editor.headers | BROWSER)
        assert page.status_code == status


async def test_only_editors_see_the_form_and_it_is_never_stored(
    callers: dict[Role | None, Caller], editor: Caller
) -> None:
    params = {"dno": "netze-a", "year": "2026"}
    for role, status in ((None, 401), (Role.VIEWER, 403), (Role.EDITOR, 200)):
        caller = callers[role]
        page = await caller.client.get(PATH, params=params, headers=caller.headers | BROWSER)
        shown = status if role else 303  # to the form for signing in
        assert (page.status_code, page.headers["cache-control"]) == (shown, "no-store")
        sent = await caller.client.post(PATH, data=params, headers=caller.headers | BROWSER)
        assert (sent.status_code, sent.headers["cache-control"]) == (status, "no-store")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("dno", "year", "status", "reason"),
    [
        ("netze-z", "2026", 404, "Einen Netzbetreiber 'netze-z' gibt es nicht."),
        ("x" * 300, "2026", 404, "Einen Netzbetreiber 'xxx"),
        ("netze-a", "1997", 400, "Das Jahr muss zwischen"),
        ("netze-a", "two", 400, "Das Jahr muss zwischen"),
        ("netze-a", "020260", 400, "Das Jahr muss zwischen"),
        ("netze-a", "²⁰²⁶", 400, "Das Jahr muss zwischen"),
    ],
)
async def test_an_operator_or_year_that_cannot_be_is_named_above_what_was_typed(
    editor: Caller, dno: str, year: str, status: int, reason: str
) -> None:
    page = await editor.client.get(
        f"/de{PATH}", params={"dno": dno, "year": year}, headers=editor.headers | BROWSER
    )
    assert (page.status_code, reason in text_of(page)) == (status, True)
    values = form_of(page.text, "get").values
    assert (values["dno"], values["year"]) == (dno, year)


@pytest.mark.parametrize("saved", ["²", "٣", "-1", "1000", "9" * 5_000])
async def test_a_number_of_saved_entries_that_cannot_be_states_nothing(editor: Caller, saved: str) -> None:
    page = await editor.client.get(
        f"/de{PATH}",
        params={"dno": "netze-a", "year": 2026, "saved": saved},
        headers=editor.headers | BROWSER,
    )
    assert (page.status_code, "Gespeichert:" in text_of(page)) == (200, False)


@pytest.mark.parametrize("length", [5_000, 50_000])
async def test_a_name_of_thousands_of_letters_is_refused_on_the_form_and_not_typed_again(
    editor: Caller, length: int
) -> None:
    for params, status in (
        ({"dno": "x" * length, "year": "2026"}, 404),
        ({"dno": "netze-a", "year": "2" * length}, 400),
        ({"dno": "netze-a", "year": "02026" + "0" * length}, 400),
    ):
        page = await editor.client.get(PATH, params=params, headers=editor.headers | BROWSER)
        assert page.status_code == status
        values = form_of(page.text, "get").values
        assert [len(values[name]) for name in params] == [
            len(text) if len(text) < 500 else 0 for text in params.values()
        ]


async def test_a_form_of_another_origin_changes_nothing(
    resources: Resources, pool: Pool, editor: Caller
) -> None:
    async with signed_in(resources, pool, Role.EDITOR) as person:
        sheet = await Sheet(person).open()
        await sheet.send(tariffs__MS__leistung="1")
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            response = await person.client.post(
                PATH, data=sheet.fields | {"step": "save"}, headers=BROWSER | headers
            )
            assert response.status_code in (401, 403)
        foreign = sheet.fields | {"step": "save", "token": "0" * 64}  # from a browser that states no origin
        response = await person.client.post(PATH, data=foreign, headers=BROWSER)
        assert (response.status_code, "einer früheren Anmeldung" in response.text) == (403, True)
        assert "nicht die Rolle" not in response.text
        again = form_of(response.text).values  # to be sent again by the person who reads it
        assert again["tariffs.MS.leistung"] == "1"
        assert again["token"] == sheet.fields["token"]
        assert (await stored(editor))["tariffs"] == []
        await sheet.save()
    assert len((await stored(editor))["tariffs"]) == 1


async def test_a_sheet_of_an_earlier_session_is_shown_again_with_what_has_changed_meanwhile(
    resources: Resources, pool: Pool, editor: Caller, netze_a: Any
) -> None:
    await make.tariff(pool, netze_a, 2026, VoltageLevel.MS, leistung="50", arbeit="2")
    async with signed_in(resources, pool, Role.EDITOR) as person:
        sheet = await Sheet(person).open()
        other = await Sheet(editor).open()
        await other.send(tariffs__MS__leistung="61")
        await other.save()
        shown = await sheet.send("save", tariffs__MS__leistung="55", token="0" * 64)
        assert shown.status_code == 403
        assert "Inzwischen geändert; bitte vergleichen" in text_of(shown)
        assert "Leistungspreis ab 2.500 h, €/kW 61" in text_of(shown)
        assert sheet.fields["tariffs.MS.leistung"] == "55"
        assert [each["leistung"] for each in (await stored(editor))["tariffs"]] == ["61"]


async def test_fields_of_the_form_cannot_write_what_the_form_has_not(sheet: Sheet, editor: Caller) -> None:
    """Mass assignment: neither other inputs of the mutations nor other entries."""
    for name in (
        "verify",
        "force",
        "tariffs.MS.verify",
        "tariffs.MS.id",
        "tariffs.XS.leistung",
        "prices.80.kind",
    ):
        page = await sheet.send(**{name.replace(".", "__"): "1"})
        assert page.status_code == 400
        del sheet.fields[name]
    sheet.fields |= {
        "tariffs.MS.leistung": "1",
        "tariffs.MS.was": '{"version": 99, "texts": {"leistung": []}}',
    }
    await sheet.send()
    await sheet.save()
    [tariff] = (await stored(editor))["tariffs"]
    assert (tariff["voltageLevel"], tariff["version"]) == ("MS", 1)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(900)), "application/x-www-form-urlencoded", 400),
        (b"dno=netze-a&year=2026&" + b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_refused(
    editor: Caller, content: bytes, kind: str, status: int
) -> None:
    headers = editor.headers | BROWSER | {"content-type": kind}
    assert (await editor.client.post(PATH, content=content, headers=headers)).status_code == status
