"""Writes what a bug report needs into one ZIP file, without secrets, posts or people.

It has no URL, title or account of a post: attach a job's own log for these (``GET /jobs/ID/log``).
"""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from mediavault import __version__
from mediavault.app import storage
from mediavault.app.watchdog import NATIVE_CRASH_FILE
from mediavault.core.failures import BadInput, MediavaultError
from mediavault.core.installation import installed_by
from mediavault.core.messages import Message
from mediavault.core.settings import SECRETS, Settings
from mediavault.core.system_errors import failure_of_disk
from mediavault.presentation.doctor_report import Check
from mediavault.worker.freezes import SETTLED

MAX_FILE_BYTES = 1 << 20  # of a crash report: its end, where the newest is
SHOWN_SETTINGS = frozenset(
    {"state_dir", "download_dir", "layout", "media_server"}
)  # texts; others may name hosts and people
NOT_SHOWN = "(set)"


async def write_bundle(file: Path, settings: Settings, checks: Sequence[Check]) -> None:
    """Write the bundle to ``file``, which must not exist yet.
    Raises BadInput and StorageFailure.
    """
    values = {
        "about.json": _about(),
        "doctor.json": [
            check.as_dict() if check.is_public else {"name": check.name, "verdict": check.verdict}
            for check in checks
        ],
        "settings.json": shown_settings(settings),
        "queue.json": await _queue(settings),
    }
    parts = {name: json.dumps(value, indent=1, default=str) for name, value in values.items()}
    parts |= {f"crashes/{path.name}": _tail(path) for path in _crash_reports(settings.state_dir)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in parts.items():
            bundle.writestr(name, without_home(text))
    write_new(file, packed.getvalue())


def write_new(file: Path, content: bytes) -> None:
    """Write a file that does not exist yet; nothing is left of it when that fails."""
    try:
        with file.open("xb") as stream:
            try:
                stream.write(content)
                stream.flush()
            except OSError:
                file.unlink(missing_ok=True)
                raise
    except FileExistsError as exc:
        raise BadInput(Message("%(file)s exists already.", file=file)) from exc
    except OSError as exc:
        raise failure_of_disk(exc, file) from exc


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings by name: numbers, choices and folders as they are;
    of other texts only whether they are set.
    """
    return {name: _shown(name, getattr(settings, name)) for name in type(settings).model_fields}


def _shown(name: str, value: Any) -> Any:
    if value is None or value in ((), {}):
        return None
    if name in SECRETS:
        text = str(getattr(value, "get_secret_value", lambda: value)())
        return f"{text.partition(':')[0]}:{NOT_SHOWN}" if "://" in text else NOT_SHOWN
    if isinstance(value, bool | int | float) or name in SHOWN_SETTINGS:
        return value
    default = Settings.model_fields[name].default
    return value if value == default else NOT_SHOWN


def without_home(text: str) -> str:
    """Return the text with this user's home folder as ``~``: its name is often a person's."""
    return text.replace(str(Path.home()), "~") if Path.home() != Path("/") else text


def _about() -> Mapping[str, Any]:
    return {
        "mediavault": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "installed_by": installed_by(),
        "packages": {
            each.name: each.version
            for each in sorted(distributions(), key=lambda each: each.name.lower())
        },
    }


async def _queue(settings: Settings) -> Mapping[str, Any]:
    """Return how many jobs there are in each state, and of each failure and site."""
    try:
        async with storage.open_store(settings) as store:
            report = await store.catalogue.report()
            failures = await store.catalogue.failures()
    except MediavaultError as exc:
        return {"unreadable": exc.code}  # the message may name the server
    return {
        "engine": report.engine,
        "schema": report.schema_version,
        "jobs": report.counts,
        "failures": [
            {"code": each.error_code, "site": each.platform, "jobs": each.jobs} for each in failures
        ],
    }


def _crash_reports(state_dir: Path) -> Iterator[Path]:
    yield from sorted((state_dir / "workers").glob(f"*{SETTLED}"))
    if (native := state_dir / NATIVE_CRASH_FILE).is_file():
        yield native


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - MAX_FILE_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError as exc:
        return f"unreadable: {exc.strerror}"
