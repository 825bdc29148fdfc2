"""The commands `dno import`, `dno export` and `dno starter`, run as processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.importers.starter import FOLDER
from tests import factories as make
from tests.workbooks import read_rows

# Without the publication, which files may lack.
HEADER = (FOLDER / "tariffs.csv").read_text().partition("\n")[0].removesuffix(",publication")
USUAL = "netze-a,2025,MS,58.20,1.26,18.20,2.86,verified,,\n"


@pytest.fixture
def dno(pool, settings, tmp_path):
    """`dno(*arguments, stdin="")` runs the command in a folder of its own."""

    def dno(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
        return subprocess.run(
            [sys.executable, "-m", "app.cli.main", *arguments],
            input=stdin,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return dno


async def test_a_valid_file_is_imported(dno, pool, tmp_path):
    await make.dno(pool)
    (tmp_path / "valid.csv").write_text(f"{HEADER}\n{USUAL}")
    done = dno("import", "tariffs", "valid.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 inserted, 0 updated, 0 unchanged, 0 refused\n"


async def test_how_a_file_is_written_is_detected_and_printed(dno, pool, tmp_path):
    await make.dno(pool, name="Netze Ä")
    header = HEADER.replace("dno_slug", "Netzbetreiber").replace(",", ";")
    text = f"{header};Notiz\nNetze Ä;2025;Mittelspannung;58,20;2;8,20;4;verified;;;x\n"
    (tmp_path / "german.csv").write_bytes(text.encode("cp1252"))
    refused = dno("import", "tariffs", "german.csv", "--json")
    assert (refused.returncode, json.loads(refused.stdout.splitlines()[0])["column"]) == (1, "Notiz")
    done = dno("import", "tariffs", "german.csv", "--ignore-extra")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "german.csv: read as ;-separated, Windows-1252, decimal comma; columns Netzbetreiber as dno_slug; ignored columns Notiz",
        "1 inserted, 0 updated, 0 unchanged, 0 refused",
    ]
    again = dno(
        "import",
        "tariffs",
        "-",
        "--separator",
        ",",
        "--json",
        stdin=f"{HEADER}\nNetze Ä,2025,MS,58.20,2,8.20,4,verified,,\n",
    )
    assert json.loads(again.stdout.splitlines()[-1])["unchanged"] == 1


async def test_a_separator_is_one_character(dno):
    done = dno("import", "tariffs", "-", "--separator", ";;")
    assert done.returncode == 2
    assert "one character" in done.stderr


async def test_invalid_rows_are_reported_with_line_column_value_and_reason(dno, pool, tmp_path):
    (tmp_path / "invalid.csv").write_text(f"{HEADER}\nnetze-x,1999,MS,1,2,3,4,verified,,\n")
    done = dno("import", "tariffs", "invalid.csv")
    assert done.returncode == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1][:4] == ["invalid.csv:2", "dno_slug", "netze-x", "no"]
    assert lines[2][:4] == ["invalid.csv:2", "year", "1999", "must"]
    assert len(lines) == 5  # lines are not wrapped where there is no terminal
    assert "Nothing was imported" in done.stdout


async def test_the_report_is_available_as_json(dno, pool):
    await make.dno(pool)
    rows = f"{HEADER}\nnetze-a,2025,MS,1\x1b[31m,2,3,4,verified,,\n"
    done = dno("import", "tariffs", "-", "--json", stdin=rows)
    assert done.returncode == 1
    refused, summary = map(json.loads, done.stdout.splitlines())
    assert refused == {
        "kind": "refused",
        "file": "standard input",
        "line": 2,
        "column": "leistung",
        "value": "1\\x1b[31m",
        "reason": "must be a decimal number such as 58.21",
    }
    assert summary["refused"] == 1


async def test_unusual_tariffs_are_imported_and_listed(dno, pool):
    await make.dno(pool)
    header = (FOLDER / "section14a.csv").read_text().partition("\n")[0]
    rows = f"{header}\nnetze-a,2026,3,HT,20,verified,https://e.org/u,FINAL\nnetze-a,2026,3,ST,6.70,verified,https://e.org/u,FINAL\n"
    done = dno("import", "section14a", "-", stdin=rows)
    assert done.returncode == 0
    assert "standard input:2  HT (20) is usually above ST (6.70) and at most 200% of it." in done.stdout
    assert done.stdout.endswith("1 inserted, 0 updated, 0 unchanged, 2 warnings, 0 refused\n")
    warning, _, summary = map(
        json.loads, dno("import", "time-of-use", "-", "--json", stdin=rows).stdout.splitlines()
    )
    assert (warning["kind"], warning["line"], warning["reason"][:7]) == ("warning", 2, "HT (20)")
    assert (summary["unchanged"], summary["warnings"]) == (1, 2)


async def test_a_strict_import_refuses_unusual_values(dno, pool):
    await make.dno(pool)
    swapped = "netze-a,2025,MS,1.26,58.21,2.86,18.30,verified,,\n"
    done = dno("import", "tariffs", "-", "--strict", "--json", stdin=f"{HEADER}\n{swapped}")
    assert done.returncode == 1
    *refused, summary = map(json.loads, done.stdout.splitlines())
    assert [(each["kind"], each["line"], each["reason"].partition(" is ")[0]) for each in refused[:2]] == [
        ("refused", 2, "The Leistungspreis under 2,500 h (2.86)"),
        ("refused", 2, "The Arbeitspreis under 2,500 h (18.30)"),
    ]
    assert "1456.51 EUR per kW from 2,500 h" in refused[2]["reason"]
    assert (summary["inserted"], summary["refused"], summary["warnings"]) == (0, 1, 3)
    assert await pool.fetch("SELECT 1 FROM netzentgelte_data") == []
    done = dno("import", "tariffs", "-", "--strict", stdin=f"{HEADER}\n{USUAL}")
    assert (done.returncode, done.stdout) == (0, "1 inserted, 0 updated, 0 unchanged, 0 refused\n")


async def test_a_dry_run_is_reported_as_such(dno, pool):
    await make.dno(pool)
    done = dno("import", "tariffs", "-", "--dry-run", stdin=f"{HEADER}\n{USUAL}")
    assert done.stdout == "Nothing was changed (dry run): 1 inserted, 0 updated, 0 unchanged, 0 refused\n"
    assert await pool.fetch("SELECT 1 FROM netzentgelte_data") == []


@pytest.mark.parametrize(
    "arguments",
    [("tariffs",), ("tariffs", "not-there.csv"), ("tarifs", "-"), ("tariffs", "."), ("tariffs", "-", "-x")],
)
def test_wrong_usage_has_its_own_exit_status(dno, arguments):
    done = dno("import", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_each_of_many_invalid_rows_is_reported(dno):
    rows = "".join(f"netze-x,{year},MS,1,2,3,4,verified,,\n" for year in range(5_000))
    done = dno("import", "tariffs", "-", stdin=f"{HEADER}\n{rows}")
    assert done.returncode == 1
    assert done.stdout.count("netze-x") == 5_000


def test_an_unavailable_database_is_reported_in_one_sentence(dno, monkeypatch, settings):
    monkeypatch.setattr(
        os,
        "environ",
        os.environ | {"DNO_DATABASE_URL": "postgresql://127.0.0.1:1/none", "START_TIMEOUT": "1"},
    )
    done = dno("starter")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "PostgreSQL does not answer" in done.stderr


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_importing_an_export_changes_nothing(dno, tmp_path, format):
    assert "tariffs: 193 inserted" in dno("starter").stdout
    for table in ("registry", "tariffs", "hlzf", "time-of-use"):
        assert dno("export", table, f"{table}.{format}").returncode == 0
        done = dno("import", table, f"{table}.{format}")
        assert "0 inserted, 0 updated, " in done.stdout
    assert (tmp_path / f"hlzf.{format}").read_text().count("\n") == 425 + (format == "csv")


def test_an_export_can_be_filtered_and_written_to_standard_output(dno):
    dno("starter")
    done = dno("export", "tariffs", "--year", "2024", "--dno", "dortmunder-netz", "--voltage-level", "ms")
    assert done.returncode == 0
    assert [line.split(",")[:3] for line in done.stdout.splitlines()[1:]] == [
        ["dortmunder-netz", "2024", "MS"]
    ]
    done = dno("export", "tariffs", "--publication", "preliminary", "--voltage-level", "ns")
    assert [line.split(",")[:3] for line in done.stdout.splitlines()[1:]] == [
        ["netze-odr", "2025", "NS"],
        ["stadtwerke-haldensleben", "2017", "NS"],
    ]


async def test_changes_and_forms_for_excel_are_exported(dno, pool, tmp_path):
    operator = await make.dno(pool)
    await make.tariff(pool, operator, leistung="58.20")
    done = dno(
        "export", "changes", "--format", "ndjson", "--since", "2020-01-01", "--data-type", "netzentgelte"
    )
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["CREATED"]
    assert dno("export", "tariffs", "t.csv", "--dialect", "excel").returncode == 0
    assert b";58,20;" in (tmp_path / "t.csv").read_bytes()
    assert dno("export", "tariffs", "t.xlsx").returncode == 0
    [row] = read_rows((tmp_path / "t.xlsx").read_bytes())
    assert row["leistung"] == ("n", "58.20", "0.00")


@pytest.mark.parametrize(
    "arguments",
    [
        ("registry", "--year", "2025"),
        ("registry", "--since", "2026-01-01"),
        ("changes", "--since", "yesterday"),
        ("tariffs", "t.xlsx", "--dialect", "excel"),
        ("tariffs", "x.xml"),
        ("tariffs", "--year", "99"),
        ("places", "--postal-code", "1067"),
        ("tariffs", "no/x.csv"),
    ],
)
def test_an_invalid_export_command_leaves_no_file(dno, tmp_path, arguments):
    done = dno("export", *arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_postal_code_that_is_none_is_refused_with_the_rule(dno):
    done = dno("export", "places", "p.csv", "--postal-code", "80331", "--postal-code", "1067")
    assert done.returncode == 2
    assert "postal code '1067' must be 5 digits, such as 80331." in done.stderr


SAMPLE = Path(__file__).parent / "mastr_sample"


async def test_an_export_of_the_register_is_imported(dno, pool):
    tried = dno("import", "mastr", str(SAMPLE), "--dry-run")
    assert (tried.returncode, tried.stderr) == (0, "")
    assert tried.stdout.splitlines()[-1] == (
        "Nothing was changed (dry run): 3 operators inserted, 0 updated, 0 unchanged;"
        " 5 places with 8 locations from 8 units"
    )
    done = dno("import", "mastr", str(SAMPLE), "--json")
    *remarks, summary = map(json.loads, done.stdout.splitlines())
    assert {remark["kind"] for remark in remarks} == {"remark"}
    assert (summary["inserted"], summary["places"], summary["staged_before"]) == (3, 5, 6)
    assert len(await pool.fetch("SELECT FROM places")) == 5


def test_what_is_no_export_of_the_register_is_refused_in_one_sentence(dno, tmp_path):
    for arguments, status, sentence in (
        ((str(tmp_path),), 1, "holds no Netzanschlusspunkte_1.xml"),
        (("not-there.zip",), 1, "not-there.zip cannot be read: No such file or directory."),
        ((str(SAMPLE), "another.zip"), 2, "mastr takes one folder or ZIP file"),
        ((str(SAMPLE), "--format", "csv"), 2, "mastr takes one folder or ZIP file"),
    ):
        done = dno("import", "mastr", *arguments)
        assert done.returncode == status
        assert sentence in " ".join(done.stderr.replace("│", " ").split())
        assert "Traceback" not in done.stderr
