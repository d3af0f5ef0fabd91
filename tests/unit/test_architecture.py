"""Rules about the source that import-linter cannot express."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from tests.syntax import nodes

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mediavault"

# Outside library -> the only modules that may import it; a name that ends in "/" is a folder with
# all that is below it, and "*" stands for a feature.
IMPORTERS = {
    # the practice site is a server of it
    "aiohttp": {"egress/client.py", "demo/site.py", "demo/faults.py"},
    "apprise": {"apprise/apprise_child.py"},
    "apsw": {"store/sqlite/engine.py"},
    "argon2": {"auth/passwords.py"},
    "joserfc": {"auth/oidc.py"},
    "asyncpg": {"store/postgres/engine.py"},
    "cryptography": {"download/stream_source.py", "features/sealing/timestamps.py"},
    "av": {"media/library.py", "demo/media.py"},
    "bson": {"store/mongodb/engine.py"},
    "feedparser": {"extraction/feed_documents.py"},
    "fastapi": {"api/", "server/", "web/", "features/*/api.py", "features/*/pages*"},
    # the server only looks at the states of uvicorn's parser
    "h11": {"server/http_server.py", "egress/http1.py"},
    "idna": {"core/urls.py"},
    "jinja2": {"web/render.py"},
    "markupsafe": {"web/render.py"},
    "obstore": {"library/bucket.py"},
    "opentelemetry": {"tracing/otlp.py"},
    "playwright": {"browser/chromium.py"},
    "prometheus_client": {"api/health.py"},
    "pydantic": {
        "core/settings.py",
        "presentation/",
        "features/",
        "web/pages/library.py",
        "cli/output.py",
    },  # describes records
    "pydantic_settings": {"core/settings.py"},
    "pymongo": {"store/mongodb/engine.py"},
    "requests": {"apprise/apprise_child.py"},  # Apprise's own client
    "rich": {"cli/", "features/*/commands*", "demo/runner.py"},
    "segno": {"web/qr.py"},
    "starlette": {"api/", "server/"},
    "structlog": {"core/logs.py"},
    "typer": {"cli/", "features/*/commands*"},
    "uvicorn": {"server/http_server.py"},
    "re2": {"features/following/filters.py"},
    "yarl": {"egress/client.py"},
    "yt_dlp": {"extraction/ytdlp_worker.py"},
}
# Only core/clock.py may read the time or wait.
TIME_CALLS = re.compile(
    r"\b(time\.(time|time_ns|sleep|monotonic)\(|asyncio\.sleep\(|datetime\.(now|utcnow)\()"
)


@cache
def modules() -> tuple[tuple[str, str], ...]:
    paths = sorted(SOURCE.rglob("*.py"))
    return tuple(
        (str(path.relative_to(SOURCE)), path.read_text(encoding="utf-8")) for path in paths
    )


@cache
def imported(text: str) -> set[str]:
    names: set[str] = set()
    for node in nodes(text):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def libraries(text: str) -> set[str]:
    """Return the imports of a module that are neither in the standard library nor ours."""
    return imported(text) - sys.stdlib_module_names - {"mediavault"}


def row_of(name: str, importers: Collection[str]) -> str | None:
    """Return the entry that allows the module to import, or None."""
    return next(
        (row for row in importers if fnmatch(name, f"{row}*" if row.endswith("/") else row)), None
    )


@pytest.mark.parametrize("library", sorted(IMPORTERS))
def test_each_outside_library_has_its_named_importers(library: str) -> None:
    rows = {
        name: row_of(name, IMPORTERS[library])
        for name, text in modules()
        if library in imported(text)
    }

    assert [name for name, row in rows.items() if row is None] == []
    assert set(rows.values()) == IMPORTERS[library]


def test_every_outside_library_is_in_the_table() -> None:
    """So that no library is imported wherever it happens to be needed."""
    assert {library for _, text in modules() for library in libraries(text)} == set(IMPORTERS)


def test_a_new_library_and_a_second_importer_are_noticed() -> None:
    assert libraries(
        "import os\nfrom requests.api import get\nfrom mediavault.core import urls\n"
    ) == {"requests"}
    assert row_of("worker/worker.py", IMPORTERS["aiohttp"]) is None
    assert row_of("worker/worker.py", IMPORTERS["fastapi"]) is None
    assert row_of("features/sites/service.py", IMPORTERS["fastapi"]) is None


# What import-linter cannot tell from the rest of its package, or does not see.
IO_OF_PYTHON = re.compile(
    r"^\s*(?:from|import) (?:asyncio|ftplib|http\.client|os|shutil|smtplib|socket|sqlite3|ssl|"
    r"subprocess|urllib\.request)\b"
    r"|^\s*from (?:http import .*client|urllib import .*request)\b",
    re.MULTILINE,
)
PURE = (  # folders and modules; see the contract on what does no I/O
    "platforms/",
    "extraction/walls.py",
    "extraction/page_data/",
    "extraction/ranking.py",
    "extraction/walls.py",
    "library/nfo.py",
    "library/sidecars.py",
    "media/judgement.py",
)


def test_platforms_and_what_the_worker_imports_as_pure_use_no_io_of_python() -> None:
    assert [
        name for name, text in modules() if row_of(name, PURE) and IO_OF_PYTHON.search(text)
    ] == []


@pytest.mark.parametrize(
    ("text", "is_io"),
    [
        ("import socket", True),
        ("    import subprocess", True),
        ("from urllib.request import urlopen", True),
        ("from urllib import parse, request", True),
        ("import sqlite3 as db", True),
        ("from urllib.parse import urlsplit", False),
        ("import ossified", False),
    ],
)
def test_io_of_python_is_noticed(text: str, is_io: bool) -> None:
    assert bool(IO_OF_PYTHON.search(f"import re\n{text}\n")) is is_io


def test_only_the_clock_reads_the_time() -> None:
    assert [
        name for name, text in modules() if TIME_CALLS.search(text) and name != "core/clock.py"
    ] == []


def test_media_never_passes_through_the_browser_driver() -> None:
    """``context.request`` kills the driver past 190 MB and ``response.body()`` never returns for
    media.
    """
    text = (SOURCE / "browser/chromium.py").read_text(encoding="utf-8")

    assert not re.search(r"\.request\.(get|fetch|post)\(|route\.fetch\(|\.body\(\)", text)


def test_no_shell_is_ever_started() -> None:
    bad = re.compile(
        r"shell=True|create_subprocess_shell|os\.system\(|\bpickle\b|\bshelve\b|\bmarshal\b"
    )

    assert [name for name, text in modules() if bad.search(text)] == []


def swallows_everything(text: str) -> bool:
    """Return whether a catch-all handler does not re-raise what it caught."""
    return any(
        isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
        )
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
        for node in nodes(text)
    )


def test_only_the_workers_loop_swallows_everything() -> None:
    """A broad handler elsewhere needs its reason here; the list is short on purpose."""
    allowed = {
        "worker/pipeline.py",
        "server/middleware.py",  # the outermost answer: a typed 500 instead of a traceback
        "store/calls.py",  # passes the error of a batch to each caller that waits for it
        # Playwright raises what a listener raised in a call of another visit
        "browser/lifecycle.py",
        "app/composition.py",  # a bug in the scheduled checks must not end the jobs
        "app/doctor/runner.py",  # a bug in one check must not hide what the others find
        "app/reading_child.py",  # hands a bug and its traceback to the process that logs
        # an outside package may fail in any way, and must not stop the vault
        "platforms/registry.py",
        "media/probe_child.py",  # FFmpeg's bindings raise anything on damaged files
        "media/sound_child.py",  # the same
        # yt-dlp's extractors raise anything on pages that changed; what was read is kept
        "extraction/ytdlp_listing.py",
        "features/sealing/service.py",  # after a bug, the page must not wait for a copy forever
    }

    assert {name for name, text in modules() if swallows_everything(text)} <= allowed


def test_no_two_classes_have_the_same_name() -> None:
    """A unique name is understood without looking at its import."""
    homes: dict[str, list[str]] = {}
    for name, text in modules():
        for node in nodes(text):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name)

    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
