"""Each import contract of pyproject.toml refuses what its name says:
violations are planted in a copy of the source.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "pyproject.toml"

# Contract -> imports that it must refuse, as (module that imports, module that is imported).
VIOLATIONS: Mapping[str, Sequence[tuple[str, str]]] = {
    "Layers: a module imports only what is below it": [
        ("mediavault.core.clock", "mediavault.store.port"),
        ("mediavault.core.names", "mediavault.platforms.registry"),
        ("mediavault.core.urls", "mediavault.egress.port"),
        ("mediavault.core.cookies", "mediavault.auth.keys"),
        ("mediavault.core.messages", "mediavault.worker.retry"),
        ("mediavault.core.records", "mediavault.presentation.labels"),
        ("mediavault.core.sessions", "mediavault.app.storage"),
        ("mediavault.platforms.x", "mediavault.worker.retry"),
        ("mediavault.extraction.assembly", "mediavault.platforms.x.reader"),
        ("mediavault.platforms.tiktok", "mediavault.presentation.labels"),
        ("mediavault.download.track", "mediavault.extraction.ranking"),
        ("mediavault.media.probe", "mediavault.download.port"),
        ("mediavault.egress.guard", "mediavault.media.sniff"),
        ("mediavault.egress.guard", "mediavault.platforms.registry"),
        ("mediavault.media.probe", "mediavault.worker.context"),
        ("mediavault.store.site_limits", "mediavault.egress.port"),
        ("mediavault.store.queries", "mediavault.presentation.views"),
        ("mediavault.auth.credentials", "mediavault.api.jobs"),
        ("mediavault.auth.credentials", "mediavault.presentation.labels"),
        ("mediavault.presentation.labels", "mediavault.auth.credentials"),
        ("mediavault.presentation.views", "mediavault.server.errors"),
        ("mediavault.server.errors", "mediavault.api.feed"),
        ("mediavault.server.middleware", "mediavault.web.render"),
        ("mediavault.api.jobs", "mediavault.web.render"),
        ("mediavault.worker.strategies", "mediavault.app.storage"),
        ("mediavault.worker.retry", "mediavault.presentation.labels"),
        ("mediavault.worker.worker", "mediavault.server.http_server"),
        ("mediavault.worker.worker", "mediavault.auth.users"),
        ("mediavault.worker.pipeline", "mediavault.features.notifications.notifier"),
        ("mediavault.worker.context", "mediavault.features.jobs.service"),
        ("mediavault.maintenance.checking", "mediavault.presentation.views"),
        ("mediavault.features.jobs.model", "mediavault.api.jobs"),
        ("mediavault.features.sites.service", "mediavault.web.render"),
        ("mediavault.api.health", "mediavault.app.composition"),
        ("mediavault.maintenance.checking", "mediavault.worker.retry"),
        ("mediavault.app.composition", "mediavault.demo.site"),
        ("mediavault.demo.site", "mediavault.cli.output"),
    ],
    (
        "Only the lists of routes and pages import a feature's routes and pages, and nothing its"
        " commands"
    ): [
        ("mediavault.api.jobs", "mediavault.features.sites.api"),
        ("mediavault.web.render", "mediavault.features.sites.pages"),
        ("mediavault.features.sites.service", "mediavault.features.sites.api"),
    ],
    "What answers people does not import the worker, nor a feature but for its background work": [
        ("mediavault.api.jobs", "mediavault.worker.worker"),
        ("mediavault.web.render", "mediavault.worker.retry"),
        ("mediavault.features.jobs.service", "mediavault.worker.retry"),
    ],
    "A feature imports no other one, but for the pairs named here": [
        ("mediavault.features.jobs.model", "mediavault.features.sites.service"),
    ],
    "What answers people reaches maintenance through a feature": [
        ("mediavault.presentation.views", "mediavault.maintenance.checking"),
        ("mediavault.web.render", "mediavault.maintenance.verifying"),
    ],
    "No circles of imports inside a package": [
        ("mediavault.core.messages", "mediavault.core.failures"),
    ],
    "app: processes and one-shot tasks may use the composition, the composition may use storage": [
        ("mediavault.app.storage", "mediavault.app.composition"),
        ("mediavault.app.composition", "mediavault.app.processes"),
        ("mediavault.app.processes", "mediavault.app.one_shot"),
    ],
    "Commands and the practice site reach the worker through the composition root": [
        ("mediavault.__main__", "mediavault.worker.worker"),
        ("mediavault.cli.main", "mediavault.worker.pipeline"),
        ("mediavault.cli.get", "mediavault.worker.worker"),
        ("mediavault.demo.runner", "mediavault.worker.pipeline"),
    ],
    "Only the registry of platforms is imported from outside": [
        ("mediavault.worker.pipeline", "mediavault.platforms.tiktok"),
        ("mediavault.worker.stages.extract", "mediavault.platforms.lookalikes"),
        ("mediavault.worker.stages.route", "mediavault.platforms.x.reader"),
        ("mediavault.features.sites.service", "mediavault.platforms.meta_media"),
        ("mediavault.features.sites.service", "mediavault.platforms.instagram"),
        ("mediavault.web.pages.home", "mediavault.platforms.x"),
        ("mediavault.cli.main", "mediavault.platforms.x"),
        ("mediavault.cli.get", "mediavault.platforms.classification"),
        ("mediavault.app.composition", "mediavault.platforms.youtube"),
        ("mediavault.demo.posts", "mediavault.platforms.generic"),
    ],
    "Only the composition root imports a store adapter": [
        ("mediavault.worker.worker", "mediavault.store.sqlite.store"),
        ("mediavault.worker.recovery", "mediavault.store.postgres.store"),
        ("mediavault.worker.context", "mediavault.store.mongodb.store"),
        ("mediavault.worker.recorder", "mediavault.store.sqlite.schema"),
        ("mediavault.api.jobs", "mediavault.store.sqlite.store"),
        ("mediavault.cli.jobs", "mediavault.store.sqlite.engine"),
        ("mediavault.demo.runner", "mediavault.store.mongodb.engine"),
        ("mediavault.maintenance.checking", "mediavault.store.sqlite.store"),
        ("mediavault.store.sqlite.store", "mediavault.store.postgres.store"),
    ],
    "Only the SQL stores import the operations that they share": [
        ("mediavault.store.trash", "mediavault.store.sql.records"),
        ("mediavault.app.storage", "mediavault.store.sql.records"),
    ],
    "Only the composition root imports the class behind a service port": [
        ("mediavault.worker.strategies", "mediavault.browser.chromium"),
        ("mediavault.worker.stages.route", "mediavault.egress.client"),
        ("mediavault.worker.context", "mediavault.download.fetcher"),
        ("mediavault.api.jobs", "mediavault.egress.client"),
        ("mediavault.api.sessions", "mediavault.browser.chromium"),
        ("mediavault.api.files", "mediavault.library.local_library"),
        ("mediavault.cli.library", "mediavault.library.bucket_library"),
        ("mediavault.cli.inspection", "mediavault.extraction.ytdlp_extractor"),
        ("mediavault.api.jobs", "mediavault.extraction.browser_extractor"),
        ("mediavault.extraction.assembly", "mediavault.extraction.api_extractor"),
    ],
    "The worker imports service ports, and the pure modules named here": [
        ("mediavault.worker.strategies", "mediavault.browser.chromium"),
        ("mediavault.worker.pipeline", "mediavault.extraction.ytdlp_process"),
        ("mediavault.worker.stages.route", "mediavault.egress.guard"),
        ("mediavault.worker.stages.validate", "mediavault.media.probe"),
        ("mediavault.worker.stages.commit", "mediavault.library.disk"),
        ("mediavault.worker.stages.commit", "mediavault.library.staging"),
    ],
    "What answers people imports service ports, and the modules named here": [
        ("mediavault.api.jobs", "mediavault.browser.driver"),
        ("mediavault.api.files", "mediavault.download.hls_text"),
        ("mediavault.web.pages.library_actions", "mediavault.library.disk"),
        ("mediavault.server.errors", "mediavault.egress.guard"),
        ("mediavault.presentation.views", "mediavault.media.probe"),
        ("mediavault.auth.credentials", "mediavault.sandbox.process"),
        ("mediavault.features.notifications.notifier", "mediavault.egress.guard"),
        ("mediavault.features.transcripts.service", "mediavault.library.sidecars"),
    ],
    "Platforms, and what the worker imports as pure, do no I/O, not even through others": [
        ("mediavault.platforms.x", "mediavault.store.port"),
        ("mediavault.platforms.tiktok", "mediavault.egress.port"),
        ("mediavault.platforms.reddit", "mediavault.browser.driver"),
        ("mediavault.platforms.vimeo", "mediavault.sandbox.process"),
        ("mediavault.extraction.ranking", "mediavault.browser.driver"),
        ("mediavault.extraction.media_urls", "mediavault.egress.port"),
        ("mediavault.extraction.page_data.values", "mediavault.egress.guard"),
        ("mediavault.extraction.walls", "mediavault.sandbox.process"),
        ("mediavault.media.judgement", "mediavault.sandbox.process"),
        ("mediavault.library.sidecars", "mediavault.library.disk"),
        ("mediavault.library.nfo", "mediavault.library.disk"),
    ],
    "What works for an attempt imports neither jobs nor a store": [
        ("mediavault.download.fetcher", "mediavault.core.job"),
        ("mediavault.extraction.ranking", "mediavault.core.job"),
        ("mediavault.library.layout", "mediavault.core.job"),
        ("mediavault.download.track", "mediavault.store.port"),
    ],
    "Only adapters import browser, HTTP, media and database libraries": [
        ("mediavault.worker.worker", "apsw"),
        ("mediavault.worker.recovery", "asyncpg"),
        ("mediavault.worker.context", "pymongo"),
        ("mediavault.worker.recorder", "bson"),
        ("mediavault.worker.strategies", "playwright"),
        ("mediavault.worker.pipeline", "yt_dlp"),
        ("mediavault.worker.stages.route", "aiohttp"),
        ("mediavault.worker.stages.validate", "av"),
        ("mediavault.worker.stages.commit", "obstore"),
        ("mediavault.api.jobs", "aiohttp"),
        ("mediavault.web.render", "playwright"),
        ("mediavault.server.http_server", "aiohttp"),
        ("mediavault.presentation.views", "apsw"),
        ("mediavault.api.files", "obstore"),
        ("mediavault.cli.get", "aiohttp"),
        ("mediavault.cli.main", "apsw"),
        ("mediavault.app.composition", "playwright"),
        ("mediavault.maintenance.checking", "av"),
        ("mediavault.auth.credentials", "apsw"),
        ("mediavault.features.jobs.service", "aiohttp"),
        ("mediavault.core.urls", "aiohttp"),
        ("mediavault.platforms.x", "aiohttp"),
        ("mediavault.features.notifications.notifier", "aiohttp"),
    ],
    "Only what answers HTTP requests imports the web framework": [
        ("mediavault.worker.worker", "fastapi"),
        ("mediavault.worker.pipeline", "starlette"),
        ("mediavault.maintenance.checking", "fastapi"),
        ("mediavault.features.notifications.notifier", "jinja2"),
        ("mediavault.app.composition", "uvicorn"),
        ("mediavault.cli.main", "uvicorn"),
        ("mediavault.core.urls", "fastapi"),
        ("mediavault.demo.site", "starlette"),
        ("mediavault.platforms.x", "jinja2"),
        ("mediavault.egress.guard", "starlette"),
        ("mediavault.features.jobs.service", "fastapi"),
        ("mediavault.store.queries", "fastapi"),
        ("mediavault.auth.credentials", "starlette"),
        ("mediavault.presentation.labels", "jinja2"),
    ],
}


def contracts() -> list[str]:
    """The names of the contracts in pyproject.toml."""
    configuration = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    return [contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]]


def plant(importer: str, imported: str, folder: Path) -> None:
    """Add the import to the importer's file, in the form that our code uses."""
    package, _, name = imported.rpartition(".")
    statement = f"from {package} import {name}" if package else f"import {name}"
    with (folder / f"{importer.replace('.', '/')}.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")


def lint(folder: Path) -> str:
    """What import-linter prints for the package and the configuration in ``folder``;
    no cache is read or written.
    """
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "COLUMNS": "1000"},  # wide, so that no line is wrapped
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def sections(report: str) -> Mapping[str, str]:
    """Return each contract's section of the report. A section begins with its title, underlined."""
    parts = re.split(r"^(.+)\n-{3,}$", report, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each contract refuses in a copy of the source that has every violation at once."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(CONFIGURATION, folder)
    no_python = shutil.ignore_patterns("static", "locales", "templates", "__pycache__")
    shutil.copytree(ROOT / "src" / "mediavault", folder / "mediavault", ignore=no_python)
    for importer, imported in {
        violation for violations in VIOLATIONS.values() for violation in violations
    }:
        plant(importer, imported, folder)
    return sections(lint(folder))


@pytest.mark.parametrize("contract", contracts())
def test_a_contract_refuses_each_violation_planted_for_it(
    contract: str, report: Mapping[str, str]
) -> None:
    """A contract without a violation in the table fails: it was never seen to refuse anything."""
    refused = report.get(contract, "")

    assert VIOLATIONS.get(contract), "plant a violation of it"
    assert [f"{a} -> {b}" for a, b in VIOLATIONS[contract] if not is_named(a, b, refused)] == []


def is_named(importer: str, imported: str, refused: str) -> bool:
    """Whether the section names the import, by line or, where it closes a circle,
    as one of two siblings.
    """
    siblings = f"- .{importer.rpartition('.')[2]} -> .{imported.rpartition('.')[2]} ("
    return f"{importer} -> {imported} (l." in refused or siblings in refused


def test_contributing_names_the_layers_of_the_contract() -> None:
    configuration = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    layers = next(
        c["layers"]
        for c in configuration["tool"]["importlinter"]["contracts"]
        if c["type"] == "layers"
    )
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    chain = " → ".join(layer.replace("mediavault.", "") for layer in layers)
    assert f"`{chain}`" in " ".join(text.split())


def test_no_violation_is_planted_for_a_contract_that_was_removed() -> None:
    assert set(VIOLATIONS) <= set(contracts())
