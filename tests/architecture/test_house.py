"""The rules of STYLE that a machine can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "projections", "workers", "api")
STORAGE = ROOT / "projections" / "storage"
LINES_MAX = 300
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "base", "service"}
VAGUE_CLASS = re.compile(r"(Utils?|Helpers?|Manager|Base|Service)$")
LEFT = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# cronsim and zoneinfo compute: from a pattern and a zone's rules, its instants.
PURE = {
    *(
        "__future__",
        "base64",
        "binascii",
        "collections",
        "cronsim",
        "dataclasses",
        "datetime",
        "domain",
        "enum",
    ),
    *("functools", "hashlib", "hmac", "math", "msgspec", "re", "typing"),
    *("unicodedata", "urllib", "uuid", "zlib", "zoneinfo"),
}
Node = TypeVar("Node", bound=ast.AST)
SQL = re.compile(
    r"\s*(SELECT\s.*\sFROM|INSERT INTO|UPDATE\s.*\sSET|DELETE FROM|TRUNCATE|"
    r"(CREATE|ALTER|DROP)\s+(TABLE|INDEX|DATABASE|ROLE|SCHEMA|VIEW)|LOCK TABLE|"
    r"LISTEN\s\w|NOTIFY\s\w|WITH\s\w+\sAS)",
    re.IGNORECASE | re.DOTALL,
)
# Who catches everything, and why that is right there.
CATCH_ALL = {
    "api/__main__.py": "what a person can mend is told in a line; a bug goes on",
    "api/worker_desk.py": "one worker's question is no other's",
    "api/short_way.py": "an error is the answer to its own call",
    "api/task_orders.py": "a handler's own function makes the key of what was sent",
    "projections/catch_up.py": "one view's failure is no other's",
    "projections/storage/append.py": "a failed append is its callers' answer",
    "projections/storage/batch.py": "one call's error is no other's",
    "workers/loop.py": "nothing may end a worker's loop",
    "workers/nats_client.py": "a message that cannot be read is no other's",
    "workers/running/fork_server.py": "what was opened is closed, and it goes on",
    "workers/running/forking.py": "a handler that cannot be imported is no other's",
    "workers/running/task.py": "whatever a handler raises is how its task ends",
    "workers/task_types.py": "a handler that cannot be imported is no other's",
    "workers/tasks/attempt.py": "a task that cannot be run is left to another try",
}

# Where SQL stands beside the code, and why it must.
SQL_ELSEWHERE = {
    "workers/embedded/postgres_folder.py": "it makes the database nobody can reach yet",
    "workers/salesforce/artifacts.py": "it is SOQL, for an org to answer",
}

# Who makes ids up, of those that serve requests: for what is no part of the answer.
IDS_MADE_UP = {
    "api/access_log.py": "what is on record about a request",
    "api/http_limits.py": "a request's own id",
    "api/person_tokens.py": "a token of the command line",
    "api/requests.py": "a request's own id",
    "api/deps.py": "the desk: the same ones when a request is carried out again",
}

FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.stat().st_size)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def every(kind: type[Node], path: Path) -> Iterator[Node]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, kind))


def texts_in(path: Path) -> Iterator[str]:
    """Every text in the code that is not a docstring."""
    talk = {id(node.value) for node in every(ast.Expr, path)}
    for node in every(ast.Constant, path):
        if isinstance(node.value, str) and id(node) not in talk:
            yield node.value


def imports_of(path: Path) -> set[str]:
    """The first names of what `path` imports."""
    names = [alias.name for node in every(ast.Import, path) for alias in node.names]
    names += [node.module or "" for node in every(ast.ImportFrom, path)]
    return {name.partition(".")[0] for name in names}


def catches_all(path: Path) -> bool:
    caught = {
        ast.unparse(kind) if kind else "BaseException"
        for node in every(ast.ExceptHandler, path)
        for kind in (
            node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        )
    }
    return bool(caught & {"Exception", "BaseException"})


def begins_with_a_sentence(path: Path) -> bool:
    spoken = ast.get_docstring(tree_of(path)) or ""
    first = spoken.partition("\n\n")[0].rstrip()
    return first.endswith((".", ":", "?", "`"))


def test_imports_go_one_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == 0, capsys.readouterr().out


def test_the_files_are_found() -> None:
    assert {name_of(path).partition("/")[0] for path in FILES} == set(FLOORS)
    assert Path(__file__) in TESTS


def test_one_file_is_one_idea() -> None:
    lines = {name_of(p): len(p.read_text().splitlines()) for p in [*FILES, *TESTS]}
    assert {name: n for name, n in lines.items() if n >= LINES_MAX} == {}


def test_every_file_begins_with_a_sentence() -> None:
    silent = [p for p in [*FILES, *TESTS] if not begins_with_a_sentence(p)]
    assert [name_of(path) for path in silent] == []


def test_names_say_what_it_is() -> None:
    words = {name_of(path): set(re.split(r"[/_.]", name_of(path))) for path in FILES}
    assert [name for name, parts in words.items() if parts & VAGUE] == []
    classes = [node.name for path in FILES for node in every(ast.ClassDef, path)]
    assert [name for name in classes if VAGUE_CLASS.search(name)] == []


def test_only_few_catch_everything_each_with_its_reason() -> None:
    assert {name_of(path) for path in FILES if catches_all(path)} == set(CATCH_ALL)


def test_nothing_is_left_to_do() -> None:
    assert [name_of(path) for path in FILES if LEFT.search(path.read_text())] == []


def test_sql_is_in_sql_files_or_in_the_storage() -> None:
    elsewhere = [path for path in FILES if not path.is_relative_to(STORAGE)]
    found = {name_of(p) for p in elsewhere for text in texts_in(p) if SQL.match(text)}
    assert found == set(SQL_ELSEWHERE)


def test_postgresql_reads_an_event_in_one_way() -> None:
    """Else one that tells of a NUL character stops whoever meets it."""
    reading = {
        name_of(path)
        for path in (*FILES, *ROOT.glob("projections/**/*.sql"))
        if "convert_from(state" in path.read_text()
    }
    assert reading == {"projections/storage/migrations/0026_event_json.sql"}


def test_what_a_request_makes_up_it_makes_up_at_its_desk() -> None:
    """Else it would be something else when the request is carried out once more."""
    makers = {
        name_of(path)
        for path in FILES
        if path.is_relative_to(ROOT / "api")
        for node in every(ast.ImportFrom, path)
        if node.module in {"domain.ids", "secrets", "uuid", "uuid_utils"}
        and {alias.name for alias in node.names} - {"parse_id", "derived_id"}
    }
    assert makers == set(IDS_MADE_UP)


def test_only_the_storage_knows_psycopg() -> None:
    knowing = [path for path in FILES if imports_of(path) & {"psycopg", "psycopg_pool"}]
    assert [name_of(p) for p in knowing if not p.is_relative_to(STORAGE)] == []


def test_the_domain_imports_next_to_nothing() -> None:
    rules = [path for path in FILES if path.is_relative_to(ROOT / "domain")]
    assert set().union(*(imports_of(path) for path in rules)) <= PURE
