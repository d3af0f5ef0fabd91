"""What each version of yt-dlp could read, so that one that breaks sites is recognised.

``<state>/ytdlp/results-<version>`` has a line for each post that was read or could not be read because the extractor broke:
the site, a hash of the URL, and ``+`` or ``-``. Other failures (deleted, private, rate limits) say nothing about a version.
Lines are appended whole, so several processes may write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from mediavault.services.extraction.ytdlp_home import is_version, plain_version

KEPT = 500  # posts; a line is 30 bytes
MAX_BYTES = 60_000
ENOUGH_POSTS = 8
ENOUGH_BROKEN = 4
WORSE_BY = 0.4  # of all posts that count

Results = Mapping[tuple[str, str], bool]  # site and post: whether it was read the last time


def note_result(home: Path, version: str | None, site: str, url: str, *, was_read: bool) -> None:
    """Append a result. What cannot be written is left out: no post fails for it."""
    if version is None or not is_version(version):
        return
    path = _path(home, version)
    line = f"{site} {hashlib.sha256(url.encode()).hexdigest()[:16]} {'+' if was_read else '-'}\n"
    with suppress(OSError):
        if path.exists() and path.stat().st_size > MAX_BYTES:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            path.write_text("".join(lines[-KEPT:]), encoding="utf-8")
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line)


def read_results(home: Path, version: str | None) -> Results:
    """Return the last result of each of the newest posts that a version was asked about."""
    if version is None or not is_version(version):
        return {}
    try:
        lines = _path(home, version).read_text(encoding="utf-8").splitlines()[-KEPT:]
    except (OSError, UnicodeDecodeError):
        return {}
    parts = (line.split(" ") for line in lines)
    return {(part[0], part[1]): part[2] == "+" for part in parts if len(part) == 3}


def drop_results(home: Path, *, keep: Collection[str | None]) -> None:
    """Remove the results of all other versions. One that is taken again starts without any. Raises OSError."""
    kept = {_path(home, version) for version in keep if version is not None}
    for path in home.glob("results-*"):
        if path not in kept:
            path.unlink(missing_ok=True)


def is_worse(new: Results, former: Results) -> bool:
    """Whether a version breaks posts of a kind that the former one could read.

    Only sites count of which the former version read posts, and of the new one's posts only those that the former did not
    fail at. Of at least 8 of them at least 4 must have failed, and a share that is 40 points above the former version's.
    """
    sites = {site for (site, _), was_read in former.items() if was_read}
    now = [was_read for post, was_read in new.items() if post[0] in sites and former.get(post, True)]
    before = [was_read for (site, _), was_read in former.items() if site in sites]
    broken = now.count(False)
    if len(now) < ENOUGH_POSTS or broken < ENOUGH_BROKEN:
        return False
    return broken / len(now) >= before.count(False) / len(before) + WORSE_BY


def _path(home: Path, version: str) -> Path:
    return home / f"results-{plain_version(version)}"
