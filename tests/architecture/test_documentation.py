"""Operations, settings, metrics, codes and programs in the documentation exist."""

import re
from collections.abc import Iterator

import graphql
import pytest
from prometheus_client import REGISTRY

from app.observability import metrics
from app.secret_files import SUFFIX
from app.settings import PREFIX, Settings, secret_settings
from tests.architecture.repository import ROOT, name, tracked
from tests.architecture.test_commands import PAGES

SCHEMA = graphql.build_schema((ROOT / "schema.graphql").read_text())
OPERATIONS = [
    pytest.param(block, id=f"{name(page)}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```graphql\n(.*?)```", page.read_text(), flags=re.DOTALL))
]
PROGRAMS = {
    "make",
    "dno",
    "curl",
    "docker",
    "psql",
    "varnishd",
    "pg_dump",
    "pg_restore",
    "kubectl",
    "systemctl",
    "cp",
    "sleep",
    "cat",
    "python",
    "python3",
    ".venv/bin/python",
    ".venv/bin/dno",
}

FOREIGN = {"SO_REUSEPORT"}


@pytest.mark.parametrize("block", OPERATIONS)
def test_every_graphql_example_is_valid(block):
    assert graphql.validate(SCHEMA, graphql.parse(block)) == []


def test_every_page_is_in_the_index():
    for index in ("docs/README.md", "docs/decisions/README.md"):
        folder = (ROOT / index).parent
        linked = set(re.findall(r"\]\(([^)#:]+\.md)", (ROOT / index).read_text()))
        pages = {page.name for page in tracked("docs/*.md") if page.parent == folder} - {"README.md"}
        assert pages - linked == set(), index


def test_decisions_have_unique_numbers():
    """Gaps are allowed: numbers are assigned when a page is begun."""
    pages = sorted(page for page in tracked("docs/decisions/*.md") if page.name != "README.md")
    assert len({int(page.name[:4]) for page in pages}) == len(pages)
    assert [page.name for page in pages if not page.read_text().startswith(f"# {int(page.name[:4])}. ")] == []


def test_every_name_in_capitals_exists():
    """Settings, variables of docker-compose.yml, error codes, enum values of the schema."""
    settings = {field.upper() for field in Settings.__struct_fields__}
    settings |= {setting.upper() + SUFFIX for setting in secret_settings()}
    settings |= set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    known = settings | {PREFIX + setting for setting in settings} | _codes() | _enum_values() | FOREIGN
    assert {
        (page, word) for page, word in _spans(r"([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=.*)?") if word not in known
    } == set()


def test_every_metric_exists():
    families = {family.name for family in REGISTRY.collect()} | {
        metric._name for metric in vars(metrics).values() if hasattr(metric, "_name")
    }
    known = {
        f"{family}{ending}" for family in families for ending in ("", "_total", "_sum", "_count", "_bucket")
    }
    ours = "cache|database|graphql|http|outbox|rate_limit|query_log|event_loop"
    named = _spans(rf"(dno_(?:{ours}|edge|follow|webhook|language|build|garbage|queue)_\w+|(?:{ours})_\w+)")
    unknown = {
        (page, word) for page, word in named if word not in known and word not in Settings.__struct_fields__
    }
    assert unknown == set()


def test_every_source_file_exists():
    """By its name alone, or by its path or the end of it."""
    files = [f"/{name(path)}" for path in tracked()]
    named = _spans(r"([\w./-]+\.(?:py|lua))")
    assert {
        (page, file) for page, file in named if not any(path.endswith(f"/{file}") for path in files)
    } == set()


def test_every_benchmark_is_listed_with_what_it_measures():
    """But for those that others start as processes of their own."""
    page = (ROOT / "docs/performance.md").read_text()
    table = page.partition("| Benchmark | Measures |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    runnable = {
        path.stem for path in tracked("benchmarks/*.py") if '__name__ == "__main__"' in path.read_text()
    }
    assert set(re.findall(r"`benchmarks\.(\w+)`", "".join(rows))) == runnable - {"open_loop", "subscribers"}


def test_shell_lines_begin_with_a_program():
    unknown = [
        (page, line)
        for page, line in _shell_lines()
        if re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line.strip()).split()[0] not in PROGRAMS
    ]
    assert unknown == []


def test_shell_words_that_are_patterns_of_file_names_are_quoted():
    """The zsh, the usual shell of macOS, does not run a command with such a word that no file fits."""
    assert [(page, words) for page, block in _shell_blocks() if (words := _patterns(block))] == []


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("curl -s http://localhost/a?b=1\n", ["http://localhost/a?b=1"]),
        ("curl -s http://localhost/a[1].csv\n", ["http://localhost/a[1].csv"]),
        ("curl -s 'http://localhost/a?b=1' \"[1]\"  # why? it's [optional]\n", []),
        ('curl --json=\'{\n  "ids": ["it", "is?"]\n}\' http://localhost/\n', []),
    ],
)
def test_patterns_are_found_outside_of_quotes_and_comments(block, found):
    assert _patterns(block) == found


def _patterns(block: str) -> list[str]:
    """Quotes may span lines."""
    bare = re.sub(r"""(?<!\S)#.*|'[^']*'|"(?:\\[\s\S]|[^"\\])*\"""", "", block)
    return [word for word in bare.split() if re.search(r"[?\[]", word)]


def _shell_lines() -> Iterator[tuple[str, str]]:
    for page, block in _shell_blocks():
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip():
                yield page, line


def _shell_blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            yield name(page), block


def _spans(pattern: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for span in re.findall(r"`([^`\n]+)`", text):
            if found := re.fullmatch(pattern, span):
                yield name(page), found[1]


def _codes() -> set[str]:
    """Error codes and similar constants in the code."""
    texts = (path.read_text() for path in tracked("*.py") if path.parts[len(ROOT.parts)] in ("app", "schema"))
    return {word for text in texts for word in re.findall(r'"([A-Z][A-Z0-9_]+)"', text)}


def _enum_values() -> set[str]:
    enums = (kind for kind in SCHEMA.type_map.values() if isinstance(kind, graphql.GraphQLEnumType))
    return {value for enum in enums for value in enum.values}


def test_names_in_the_request_flow_are_those_of_the_code():
    flow = re.search(
        r"## Request flow\n\n```\n(.*?)```", (ROOT / "docs/architecture.md").read_text(), re.DOTALL
    )
    assert flow is not None
    classes = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", flow[1])) - {"GraphQLEndpoint"}
    functions = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b(?!\.py)", flow[1]))
    code = "\n".join(path.read_text() for top in ("app", "schema") for path in tracked(f"{top}/*.py"))
    assert {name for name in classes if f"class {name}" not in code} - {"PostgreSQL"} == set()
    assert {name for name in functions if f"def {name}(" not in code} - {"read_through", "fast_path"} == set()
    assert len(classes) > 8
    assert len(functions) > 8


def test_every_page_with_commands_has_the_path_of_dno():
    """A reader who has run `make serve` has no `dno` on the path."""
    command = re.compile(
        r"(?:^|[`\s])dno (?:serve|migrate|import|export|starter|follow|check|atypical-use|warm|purge|user|key)\b",
        re.MULTILINE,
    )
    pages = [
        page for page in tracked("*.md") if "decisions" not in page.parts and page.name != "CHANGELOG.md"
    ]
    with_commands = [page for page in pages if command.search(page.read_text())]
    assert len(with_commands) > 8
    assert [name(page) for page in with_commands if ".venv/bin/dno" not in page.read_text()] == []
