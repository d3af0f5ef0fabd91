"""Names of the accounts that are signed in, as the sites' own pages called them. Names alone: no cookie is in here."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from mediavault.core.logs import get_logger
from mediavault.core.names import safe_text

MAX_CHARS = 100
_FILE = "accounts.json"

log = get_logger(__name__)


def note_account(state_dir: Path, platform: str, name: str) -> None:
    """Remember what a page that a person's look saw anyway called its viewer. A name that cannot be kept is no failure."""
    name = safe_text(name)[:MAX_CHARS]
    known = known_accounts(state_dir)
    if name and known.get(platform) != name:
        _write(state_dir, known | {platform: name})


def forget_account(state_dir: Path, platform: str) -> None:
    """Somebody else may be signed in now."""
    known = known_accounts(state_dir)
    if known.pop(platform, None) is not None:
        _write(state_dir, known)


def known_accounts(state_dir: Path) -> dict[str, str]:
    """Names by platform; {} where none is known."""
    try:
        known = json.loads((state_dir / "browser" / _FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: name for key, name in known.items() if isinstance(name, str)} if isinstance(known, dict) else {}


def _write(state_dir: Path, accounts: dict[str, str]) -> None:
    folder = state_dir / "browser"
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{_FILE}.")  # mkstemp gives 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(accounts, file)
            Path(name).replace(folder / _FILE)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        log.warning("account_name_not_kept", error=str(exc))
