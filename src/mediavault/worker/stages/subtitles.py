"""After the download: the subtitles that the profile asks for, next to the video and optionally inside it.

A language that cannot be fetched never fails the post: it is tried again later (``store.deferred``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mediavault.core.companions import UNKNOWN_LANGUAGE, subtitle_suffix
from mediavault.core.failures import BadUrl, Failure, NotAVideo
from mediavault.core.job import Stage
from mediavault.core.media import Cue, Extraction, Item, SubtitleSource, VerifiedFile
from mediavault.core.messages import Message
from mediavault.core.profiles import chosen_subtitles
from mediavault.core.webvtt import to_webvtt
from mediavault.store.deferred import WAITS, DeferredWork, schedule
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.validate import validate

EMBEDDABLE = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv"}  # by container

Texts = Mapping[str, Sequence[Cue]]  # by language


async def add_subtitles(verified: VerifiedFile, attempt: Attempt, index: int) -> VerifiedFile:
    """Fetch the subtitles of the item at ``index``, and put them where the profile wants them.

    Return the file with them inside where that is wanted and possible, else the file as it is.
    """
    item, profile = attempt.item(index), attempt.tools.profile
    chosen = chosen_subtitles((*item.subtitles, *verified.downloaded.subtitles), profile)
    texts = await _fetch_all(chosen, attempt) if chosen else {}
    for language, cues in texts.items():
        path = attempt.staging / f"subtitles{subtitle_suffix(language)}"
        await asyncio.to_thread(path.write_text, to_webvtt(cues), "utf-8")
        attempt.beside.setdefault(index, []).append((subtitle_suffix(language), path))
    if len(texts) < len(chosen):
        soon = attempt.tools.clock.now() + WAITS[0]
        await schedule(attempt.tools.store.tables, DeferredWork.SUBTITLES, attempt.claim.id, soon)
    if profile.subtitles_inside and not profile.sound_only and (texts or item.chapters):
        return await _inside(verified, item, texts, attempt)
    return verified


async def _fetch_all(chosen: Sequence[SubtitleSource], attempt: Attempt) -> dict[str, Sequence[Cue]]:
    texts: dict[str, Sequence[Cue]] = {}
    for source in chosen:
        language = source.language or UNKNOWN_LANGUAGE
        try:
            async with attempt.recorder.step(Stage.DOWNLOAD) as note:
                texts[language] = await fetch(source, attempt.extraction, attempt.tools)
                note.detail = Message("subtitles: %(language)s", language=language)
        except Failure:
            continue  # recorded by the step
    return texts


async def fetch(source: SubtitleSource, extraction: Extraction, tools: WorkerContext) -> Sequence[Cue]:
    """Return the cues of one source of a post's video. Raises Failure."""
    headers = {"referer": extraction.final_url}
    if extraction.user_agent:
        headers["user-agent"] = extraction.user_agent
    try:
        return await tools.fetch_subtitles(
            source, scope=extraction.post.scope, headers=headers, cookies=extraction.cookies
        )
    except BadUrl as exc:
        raise NotAVideo(Message("The URL of the subtitles is not valid: %(error)s", error=exc.message)) from exc


async def _inside(verified: VerifiedFile, item: Item, texts: Texts, attempt: Attempt) -> VerifiedFile:
    """Return the file with subtitles and chapters inside; unchanged if its container does not support them, or if that fails."""
    suffix = EMBEDDABLE.get(verified.report.container or "")
    if suffix is None:
        return verified
    into = attempt.staging / f"with-texts{suffix}"
    try:
        async with attempt.recorder.step(Stage.VALIDATE) as note:
            await attempt.tools.embed_texts(verified.path, into, texts=texts, chapters=item.chapters)
            size = into.stat().st_size
            file = replace(verified.downloaded, path=into, bytes=size, sha256=None)
            again = await validate(file, attempt)
            note.detail, note.bytes = Message("subtitles and chapters embedded in the file"), size
    except Failure:
        into.unlink(missing_ok=True)  # recorded by the step; the file itself is whole
        return verified
    verified.path.unlink(missing_ok=True)
    return again
