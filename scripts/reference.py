"""Writes the pages of the reference from the code (``make reference``): settings, commands,
HTTP API, metrics, errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import typer
from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from mediavault.api.health import metrics_of
from mediavault.cli.commands import COMMANDS, GROUPS
from mediavault.cli.main import app_of
from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.job import WorkerHeartbeat, WorkerId
from mediavault.core.settings import SECRETS, ChangeableSettings, Settings, variable
from mediavault.core.site_limits import SiteLimit
from mediavault.platforms.registry import all_platforms
from mediavault.store.port import StoreReport
from mediavault.web.app import create_app

DOCS = Path(__file__).resolve().parents[1] / "docs"
GENERATED = "*Generated from the code by `make reference`.*\n\n"
METHODS = ("get", "post", "put", "patch", "delete")


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


def table(*headings: str) -> str:
    return f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|\n"


def row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


# --- settings -------------------------------------------------------------------------------------


def settings() -> str:
    rows = (_setting(name, field) for name, field in Settings.model_fields.items())
    return (
        "# Settings\n\n"
        + GENERATED
        + "Settings are environment variables; all of them are optional. `mediavault doctor`"
        " reports variables that no setting "
        "reads. Those marked *live* can also be changed on the page `/settings`, for all processes"
        " and from the next job on; a "
        "variable takes precedence over the page. Those marked *secret* can be in a file:"
        " `MEDIAVAULT_TOKEN_FILE` names one, "
        "or a file `mediavault_token` is in `/run/secrets` (containers) or `$CREDENTIALS_DIRECTORY`"
        " (systemd).\n\n" + table("variable", "default", "allowed", "") + "".join(rows)
    )


def _setting(name: str, field: FieldInfo) -> str:
    marks = [
        mark
        for mark, holds in (
            ("live", name in ChangeableSettings.model_fields),
            ("secret", name in SECRETS),
        )
        if holds
    ]
    mark = f" *{', '.join(marks)}*" if marks else ""
    return row(
        f"`{variable(name)}`{mark}", _default(field), _bounds(field), field.description or ""
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        value = str(value).replace(str(Path.home()), "~")
    if value in (None, (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _bounds(field: FieldInfo) -> str:
    low = next((f"{each.ge:g}" for each in field.metadata if isinstance(each, Ge)), None)
    above = next((f"above {each.gt:g}" for each in field.metadata if isinstance(each, Gt)), None)
    high = next((f"{each.le:,g}" for each in field.metadata if isinstance(each, Le)), None)
    if above:
        return f"{above}, up to {high}"
    if high is not None:
        return f"{low} to {high}"
    return f"at least {low}" if low is not None else ""


# --- commands -------------------------------------------------------------------------------------


def commands() -> str:
    names = [*COMMANDS]
    names += [f"{group} {name}" for group, (_, members) in GROUPS.items() for name in members]
    return (
        "# Commands\n\n"
        + GENERATED
        + "Every command has `--json`, which prints one JSON value. Exit codes: 0 done, 1 the job"
        " failed or something was found, "
        "2 refused.\n\n" + "\n".join(map(_command, names))
    )


def _command(name: str) -> str:
    command: Any = typer.main.get_command(app_of(name.partition(" ")[0]))
    for part in name.split():
        command = command.commands[part]
    shown = [
        each
        for each in command.params
        if each.name != "as_json" and not getattr(each, "hidden", False)
    ]
    arguments = " ".join(_argument(each) for each in shown if each.param_type_name == "argument")
    usage = f"mediavault {name} {arguments}".rstrip()
    options = [
        f"- `{', '.join(each.opts)}{f' {each.metavar}' if each.metavar else ''}`: {each.help or ''}"
        for each in shown
        if each.param_type_name == "option" and each.name != "help"
    ]
    help_ = "\n\n".join(
        " ".join(paragraph.split()) for paragraph in (command.help or "").strip().split("\n\n")
    )
    return "\n".join([f"## `{usage}`", help_, *(["", *options] if options else []), ""])


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[]").rstrip("….")
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


# --- HTTP API -------------------------------------------------------------------------------------


def api() -> str:
    services = MagicMock(settings=Settings())  # only the routes are read
    described = create_app(services).openapi()
    rows = [
        _route(method.upper(), path, route)
        for path, methods in described["paths"].items()
        for method in METHODS
        if (route := methods.get(method))
    ]
    return (
        "# HTTP API\n\n"
        + GENERATED
        + "The whole description, with every field, is at `/openapi.json`. Errors have the form "
        '`{"code", "message", "help"}`: [what can go wrong](errors.md). Beyond loopback, requests'
        " need "
        "`Authorization: Bearer TOKEN`; [a token's scope](access.md) says what it may do.\n\n"
        + table("request", "", "body, query or header")
        + "".join(rows)
    )


def _route(method: str, path: str, route: Mapping[str, Any]) -> str:
    content = route.get("requestBody", {}).get("content", {})
    bodies = [
        str(each.get("schema", {}).get("$ref", kind)).rpartition("/")[2]
        for kind, each in content.items()
    ]
    query = [
        f"`{each['name']}`"
        for each in route.get("parameters", ())
        if each["in"] in ("query", "header")
    ]
    words = (
        (route.get("description") or route.get("summary") or "")
        .strip()
        .split("\n\n")[0]
        .replace("\n", " ")
        .replace("``", "`")
    )
    return row(f"`{method} {path}`", words, ", ".join([*(f"`{body}`" for body in bodies), *query]))


# --- metrics --------------------------------------------------------------------------------------


def metrics() -> str:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    worker = WorkerHeartbeat(
        WorkerId("w"), "host", 1, "0", now, now, running_jobs=1, tally={"failed:NETWORK": 1}
    )
    report = StoreReport(
        engine="sqlite", schema_version=1, at=now, counts={}, waiting={"x": 1}, oldest_queued_at=now
    )
    limit = SiteLimit("x", closed_until=now + timedelta(days=1))
    found = metrics_of(report, [worker], [limit], {"state": 1}, 0, 0, now)
    rows = (_metric(metric) for metric in found)
    return (
        "# Metrics\n\n"
        + GENERATED
        + (
            "`GET /metrics` answers in Prometheus's format, for the whole fleet from any API"
            " process.\n\n"
        )
        + table("metric", "type", "labels", "")
        + "".join(rows)
    )


def _metric(metric: Any) -> str:
    labels = sorted({label for sample in metric.samples for label in sample.labels})
    name = metric.name + ("_total" if metric.type == "counter" else "")
    return row(
        f"`{name}`", metric.type, ", ".join(f"`{label}`" for label in labels), metric.documentation
    )


# --- errors ---------------------------------------------------------------------------------------

_ERRORS = """\
# What can go wrong

{generated}Every failure has a stable code, a sentence that says what happened, and one that says what helps. The API answers
`{{"code", "message", "help"}}`; a job has `error_code`, `error` and `help`; the pages and the command line show the same words.

"Yes" under *tried again* means: by the next download strategy where that can help, then by a later attempt after 1, 5 and
25 minutes, 2 and 10 hours, at most `MEDIAVAULT_MAX_ATTEMPTS` (5) in all. Jobs that need a person wait without using up
attempts. A job that is not tried again any more shows the second sentence under *what helps*, where there is one.

A worker whose disk has failed a job claims nothing for ten seconds, then for twice as long each time up to five minutes.
After that the disk has to prove that files can be written, and one job at a time runs until a video is saved.

"""  # noqa: E501


def errors() -> str:
    return (
        _ERRORS.format(generated=GENERATED)
        + table("code", "scope", "how it is known", "tried again", "what helps", "HTTP")
        + "".join(_error_rows())
    )


def _error_rows() -> Iterator[str]:
    for code, spec in FAILURES.items():
        helps = f"{spec.hint} *In the end:* {spec.final_hint}" if spec.final_hint else spec.hint
        status = (
            str(spec.http_status) if spec.http_status != 500 or code is ErrorCode.INTERNAL else "–"
        )
        yield row(
            f"`{code}`", spec.scope, spec.known_by, spec.retry_note or spec.retry, helps, status
        )


# --- sites ----------------------------------------------------------------------------------------


def sites() -> str:
    known = [platform for platform in all_platforms() if platform.matching.posts]
    return (
        "# Sites\n\n"
        + GENERATED
        + f"{len(known)} sites have a reader of their own, which finds a post's video by the post's"
        " id. Any other page is read by "
        "what it says of itself, and what is not surely its own is asked about. Where both find"
        " nothing, yt-dlp is asked.\n\n"
        "What a reader expects was checked on the day below against the sources named. None of them"
        " was checked against the "
        "site itself: a site changes without notice, and then its posts fail with"
        " `EXTRACTOR_BROKEN` until its reader is mended.\n\n"
        + table("site", "known from", "checked on", "reads", "does not read")
        + "".join(
            row(site.title, ", ".join(site.known_from), site.checked, site.reads, site.leaves_out)
            for site in sorted(known, key=lambda site: site.title.casefold())
        )
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "api.md": api,
    "metrics.md": metrics,
    "errors.md": errors,
    "sites.md": sites,
}


if __name__ == "__main__":
    main()
