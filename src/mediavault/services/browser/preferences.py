"""The few of Chromium's own preferences that a person's window needs set: it must not offer to keep passwords, must not
ask about the pages of a browser that was killed, and must show nobody the files of this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediavault.core.logs import get_logger

MAX_BYTES = 32 << 20

# Names from Chromium's chrome/common/pref_names.h and components/password_manager, checked 2026-11-24.
_WANTED: Mapping[str, Mapping[str, Any]] = {
    "Default/Preferences": {
        "credentials_enable_service": False,
        "profile": {"password_manager_enabled": False, "exit_type": "Normal", "exited_cleanly": True},
    },
    "Local State": {"select_file_dialogs": {"allowed": False}},
}

log = get_logger(__name__)


def prepare_preferences(profile: Path) -> None:
    """Set them in a profile that no browser uses just now. A file that cannot be read stays as it is. Raises OSError."""
    for name, wanted in _WANTED.items():
        _set(profile / name, wanted)


def _set(file: Path, wanted: Mapping[str, Any]) -> None:
    try:
        known = json.loads(file.read_bytes()[:MAX_BYTES]) if file.exists() else {}
    except ValueError as exc:
        log.warning("browser_preferences_unreadable", error=str(exc))
        return
    if not isinstance(known, dict):
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(_merged(known, wanted)), "utf-8")
    new.replace(file)


def _merged(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in wanted.items():
        former = merged.get(name)
        is_branch = isinstance(value, Mapping)
        merged[name] = _merged(former if isinstance(former, Mapping) else {}, value) if is_branch else value
    return merged
