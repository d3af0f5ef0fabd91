"""Stage 9, the thumbnail, and the subtitles that the profile asks for: what is saved next to a
video, or inside it.

The post's own picture is fetched before the download, so that pages show it early; without one it
is a frame of the video. Neither ever fails a job: a language that cannot be fetched is tried again
later (``store.deferred``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.companions import UNKNOWN_LANGUAGE, subtitle_suffix
from mediavault.core.failures import BadUrl, Failure, MediavaultError, NotAVideo
from mediavault.core.job import Stage
from mediavault.core.media import (
    MAX_PICTURE_BYTES,
    Cue,
    Extraction,
    Item,
    ItemType,
    SubtitleSource,
    VerifiedFile,
    picture_suffix,
)
from mediavault.core.messages import Message
from mediavault.core.profiles import chosen_subtitles
from mediavault.core.webvtt import to_webvtt
from mediavault.egress.port import Timeouts
from mediavault.store.deferred import WAITS, DeferredWork, schedule
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.validate import validate

STILL_AT_S = 1.0  # after the black frames at the start of many videos
TIMEOUTS = Timeouts(connect_s=5, read_s=5, total_s=10)  # the download waits for it


async def own_picture(attempt: Attempt, index: int) -> Path | None:
    """Return the video's own picture in the staging folder; None when it has none that can be
    fetched.

    The post's picture represents its first video only: the others are told apart by a frame of
    each.
    """
    is_first = attempt.items.count_of(index)[0] == 1
    url = attempt.item(index).thumbnail_url or (
        attempt.extraction.thumbnail_url if is_first else None
    )
    if not url:
        return None
    try:
        async with attempt.recorder.step(Stage.THUMBNAIL) as note:
            picture = await _fetch(url, attempt)
            note.detail, note.bytes = Message("the post's own"), picture.stat().st_size
            return picture
    except MediavaultError:
        return None  # recorded by the step; a frame of the video is used instead


async def still(attempt: Attempt, verified: VerifiedFile) -> Path | None:
    """Return a frame of the video, or a small copy of the picture, in the staging folder;
    None when it yields none.
    """
    into = attempt.context.library.staging.thumbnail_in(attempt.staging, ".jpg")
    picture = await attempt.context.probe.still(verified.path, into=into, at_s=STILL_AT_S)
    if picture is None:
        await attempt.recorder.skipped(
            Stage.THUMBNAIL, Message("no thumbnail could be made of the file")
        )
    else:
        async with attempt.recorder.step(Stage.THUMBNAIL) as note:
            is_picture = verified.downloaded.type is ItemType.IMAGE
            note.detail = (
                Message("a small copy of the picture")
                if is_picture
                else Message("a still of the video")
            )
            note.bytes = picture.stat().st_size
    return picture


async def _fetch(url: str, attempt: Attempt) -> Path:
    extraction = attempt.extraction
    headers = {"Referer": extraction.final_url}
    if extraction.user_agent:
        headers["User-Agent"] = extraction.user_agent
    request = attempt.context.client.get(
        url, scope=attempt.route.post.scope, headers=headers, timeouts=TIMEOUTS
    )
    async with request as response:
        body = await response.read(limit=MAX_PICTURE_BYTES)
        suffix = picture_suffix(body) if response.status == 200 else None
    if suffix is None:
        raise NotAVideo(
            "The thumbnail URL did not return an image.",
            http_status=response.status,
            bytes_received=len(body),
        )
    path = attempt.context.library.staging.thumbnail_in(attempt.staging, suffix)
    await asyncio.to_thread(_write, body, path)
    return path


def _write(body: bytes, path: Path) -> None:
    """Write a file that others may open as soon as it has its name."""
    draft = path.with_name("picture.part")
    draft.write_bytes(body)
    draft.replace(path)


EMBEDDABLE = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv"}  # by container

Texts = Mapping[str, Sequence[Cue]]  # by language


async def add_subtitles(verified: VerifiedFile, attempt: Attempt, index: int) -> VerifiedFile:
    """Fetch the subtitles of the item at ``index``, and put them where the profile wants them.

    Return the file with them inside where that is wanted and possible, else the file as it is.
    """
    item, profile = attempt.item(index), attempt.context.profile
    chosen = chosen_subtitles((*item.subtitles, *verified.downloaded.subtitles), profile)
    texts = await _fetch_all(chosen, attempt) if chosen else {}
    for language, cues in texts.items():
        path = attempt.staging / f"subtitles{subtitle_suffix(language)}"
        await asyncio.to_thread(path.write_text, to_webvtt(cues), "utf-8")
        attempt.beside.setdefault(index, []).append((subtitle_suffix(language), path))
    if len(texts) < len(chosen):
        soon = attempt.context.clock.now() + WAITS[0]
        await schedule(attempt.context.store.tables, DeferredWork.SUBTITLES, attempt.claim.id, soon)
    if profile.subtitles_inside and not profile.sound_only and (texts or item.chapters):
        return await _inside(verified, item, texts, attempt)
    return verified


async def _fetch_all(
    chosen: Sequence[SubtitleSource], attempt: Attempt
) -> dict[str, Sequence[Cue]]:
    texts: dict[str, Sequence[Cue]] = {}
    for source in chosen:
        language = source.language or UNKNOWN_LANGUAGE
        try:
            async with attempt.recorder.step(Stage.DOWNLOAD) as note:
                texts[language] = await fetch(source, attempt.extraction, attempt.context)
                note.detail = Message("subtitles: %(language)s", language=language)
        except Failure:
            continue  # recorded by the step
    return texts


async def fetch(
    source: SubtitleSource, extraction: Extraction, context: WorkerContext
) -> Sequence[Cue]:
    """Return the cues of one source of a post's video. Raises Failure."""
    headers = {"referer": extraction.final_url}
    if extraction.user_agent:
        headers["user-agent"] = extraction.user_agent
    try:
        return await context.fetch_subtitles(
            source, scope=extraction.post.scope, headers=headers, cookies=extraction.cookies
        )
    except BadUrl as exc:
        raise NotAVideo(
            Message("The URL of the subtitles is not valid: %(error)s", error=exc.message)
        ) from exc


async def _inside(
    verified: VerifiedFile, item: Item, texts: Texts, attempt: Attempt
) -> VerifiedFile:
    """Return the file with subtitles and chapters inside; unchanged if its container does not
    support them, or if that fails.
    """
    suffix = EMBEDDABLE.get(verified.report.container or "")
    if suffix is None:
        return verified
    into = attempt.staging / f"with-texts{suffix}"
    try:
        async with attempt.recorder.step(Stage.VALIDATE) as note:
            await attempt.context.embed_texts(
                verified.path, into, texts=texts, chapters=item.chapters
            )
            size = into.stat().st_size
            file = replace(verified.downloaded, path=into, bytes=size, sha256=None)
            again = await validate(file, attempt)
            note.detail, note.bytes = Message("subtitles and chapters embedded in the file"), size
    except Failure:
        into.unlink(missing_ok=True)  # recorded by the step; the file itself is whole
        return verified
    verified.path.unlink(missing_ok=True)
    return again
