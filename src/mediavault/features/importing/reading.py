"""Reads what other programs wrote next to a media file: facts about its post,
its picture and its subtitles.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from mediavault.core.companions import NFO_SUFFIX, OTHERS_INFO_SUFFIX, SIDECAR_SUFFIX
from mediavault.core.media import MAX_PICTURE_BYTES, ProbeReport, picture_suffix
from mediavault.core.messages import Message
from mediavault.core.xml_tree import BadXml
from mediavault.features.importing.facts import (
    PostFacts,
    facts_from_archive,
    facts_from_gallery_dl,
    facts_from_nfo,
    facts_of,
)
from mediavault.features.importing.folder import FoundMedia, Unreadable, copy_any
from mediavault.library import disk
from mediavault.library.sidecars import parse_sidecar

# yt-dlp's has some hundred kilobytes; with all comments of a post it is larger
INFO_LIMIT_BYTES = 16 << 20
NFO_LIMIT_BYTES = 1 << 20
STILL_AT_S = 1.0
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


class ImportProbe(Protocol):
    """What the import needs of the probe: see ``media/probe.py``."""

    async def check_unknown(self, path: Path) -> ProbeReport: ...
    async def tags(self, path: Path) -> Mapping[str, str]: ...
    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None: ...


class PostReader:
    """Reads in one imported folder. Nothing of it is trusted: links are not followed,
    and sizes are limited.
    """

    def __init__(self, folder: Path, probe: ImportProbe) -> None:
        self._folder, self._probe = folder, probe
        # what ytdl-sub's archives say, by the path of the file
        self._archived: dict[str, PostFacts] = {}

    async def read_archive(self, path: str) -> None:
        """Read an archive of ytdl-sub, which has facts about the files below its folder."""
        value = await self._object(path)
        folder = PurePosixPath(path).parent
        self._archived |= {
            str(folder / name): facts for name, facts in facts_from_archive(value or {}).items()
        }

    async def info(self, media: FoundMedia) -> tuple[Mapping[str, Any] | None, str]:
        """Return the file's ``.info.json``, and a remark where it cannot be used."""
        info, note = None, ""
        for suffix in (SIDECAR_SUFFIX, OTHERS_INFO_SUFFIX):
            if (name := media.stem + suffix) in media.beside and info is None:
                info, note = await asyncio.to_thread(_read_info, self._folder, media.sibling(name))
        return info, note

    async def facts(
        self, media: FoundMedia, info: Mapping[str, Any] | None
    ) -> tuple[PostFacts, str]:
        """Return what is known about the file's post,
        and a remark about a file that cannot be used.
        """
        others: list[PostFacts] = []
        note = ""
        if (name := media.stem + NFO_SUFFIX) in media.beside:
            text = await self.small(media.sibling(name), NFO_LIMIT_BYTES)
            try:
                others.append(facts_from_nfo((text or b"").decode("utf-8", "replace")))
            except BadXml:
                note = Message("its .nfo cannot be read, or is not valid XML: it was not used")
        if (name := f"{media.name}.json") in media.beside:
            value = await self._object(media.sibling(name))
            others.append(facts_from_gallery_dl(value or {}))
            if value is None:
                note = note or Message(
                    "its .json cannot be read, or is not a JSON object: it was not used"
                )
        if media.relative in self._archived:
            others.append(self._archived[media.relative])
        facts = facts_of(media.relative, info, {}, others)
        if facts.post is None or facts.title is None:
            tags = await self._probe.tags(self._folder / media.relative)
            facts = facts_of(media.relative, info, tags, others)
        return facts, note

    async def picture(
        self, media: FoundMedia, video: Path, *, into: Path, is_sound: bool
    ) -> Path | None:
        """Return the file's picture in the folder ``into``: the one next to it,
        else a frame of it; None without any.
        """
        for stem in (media.stem, f"{media.stem}-thumb"):
            for suffix in _PICTURES:
                if (name := f"{stem}{suffix}") in media.beside:
                    picture = await asyncio.to_thread(
                        _copied_picture, self._folder, media.sibling(name), into
                    )
                    if picture is not None:
                        return picture
        return (
            None
            if is_sound
            else await self._probe.still(video, into=into / "thumbnail.jpg", at_s=STILL_AT_S)
        )

    async def small(self, relative: str, limit: int) -> bytes | None:
        """Return the content of a small file; None for a larger one,
        and for one that cannot be read.
        """
        with contextlib.suppress(OSError):
            return await asyncio.to_thread(disk.read_below, self._folder, relative, limit=limit)
        return None

    async def _object(self, relative: str) -> Mapping[str, Any] | None:
        text = await self.small(relative, INFO_LIMIT_BYTES)
        return parse_sidecar(text) if text is not None else None


def _read_info(root: Path, relative: str) -> tuple[Mapping[str, Any] | None, str]:
    """Return yt-dlp's ``.info.json``, and a remark where it cannot be used."""
    try:
        text = disk.read_below(root, relative, limit=INFO_LIMIT_BYTES)
    except OSError as exc:
        return None, Message(
            "its .info.json cannot be read: %(reason)s", reason=exc.strerror or str(exc)
        )
    if text is None:
        return None, Message("its .info.json is too large, or not a file: it was not used")
    value = parse_sidecar(text)
    return value, "" if value is not None else Message(
        "its .info.json is not a JSON object: it was not used"
    )


def _copied_picture(root: Path, relative: str, into: Path) -> Path | None:
    """Copy a picture into the folder under its true suffix;
    None if it is not a picture that pages may show.
    """
    draft = into / "picture.part"
    try:
        copy_any(root, relative, draft, limit=MAX_PICTURE_BYTES)
    except Unreadable:
        return None
    with draft.open("rb") as file:
        suffix = picture_suffix(file.read(16))
    return draft.replace(into / f"thumbnail{suffix}") if suffix is not None else None
