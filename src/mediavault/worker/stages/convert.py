"""After stage 7: a container that browsers open, or a file of the sound alone.

A video is remuxed into an MP4 without re-encoding. For a profile that saves sound only, the sound
is copied or converted, with cover, title and chapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mediavault.core.failures import Failure
from mediavault.core.job import Stage
from mediavault.core.media import Expected, Extraction, ItemType, VerifiedFile
from mediavault.core.messages import Message
from mediavault.core.redaction import redact_page
from mediavault.media.judgement import needs_remux
from mediavault.worker.attempt import Attempt
from mediavault.worker.stages.validate import validate


async def playable(verified: VerifiedFile, attempt: Attempt) -> VerifiedFile:
    """Return the video as a verified MP4, or unchanged when remuxing is not needed or fails."""
    if not needs_remux(verified.report):
        return verified
    into = attempt.staging / "playable.mp4"
    try:
        async with attempt.recorder.step(Stage.VALIDATE) as note:
            await attempt.context.remux([verified.path], into)
            size = into.stat().st_size
            again = await validate(
                replace(verified.downloaded, path=into, bytes=size, sha256=None), attempt
            )
            note.detail = Message(
                "put into an MP4, so that browsers play it: %(container)s before",
                container=verified.report.container,
            )
            note.bytes = size
    except Failure:
        into.unlink(missing_ok=True)  # recorded by the step; the file itself is whole
        return verified
    verified.path.unlink(missing_ok=True)
    return again


MAX_TAG_CHARS = 300


async def as_sound(
    verified: VerifiedFile, cover: Path | None, attempt: Attempt, index: int
) -> VerifiedFile:
    """Return the verified file of the sound of the item at ``index``. Raises BadFile where no
    separate file can hold its codec, and what validation and the disk raise.
    """
    async with attempt.recorder.step(Stage.VALIDATE) as note:
        path = await attempt.context.extract_sound(
            verified.path,
            attempt.staging / "sound",
            tags=tags_of(attempt.extraction),
            chapters=attempt.item(index).chapters,
            cover=cover,
            codec=attempt.context.profile.sound_codec,
        )
        size = path.stat().st_size
        expected = Expected(duration_s=verified.report.duration_s)
        again = await validate(
            replace(
                verified.downloaded,
                path=path,
                bytes=size,
                sha256=None,
                expected=expected,
                type=ItemType.AUDIO,
            ),
            attempt,
        )
        before, after = verified.report.audio_codec, again.report.audio_codec
        note.bytes = size
        note.detail = (
            Message("audio only, copied without re-encoding: %(codec)s", codec=after)
            if before == after
            else Message(
                "audio only, converted from %(before)s to %(after)s", before=before, after=after
            )
        )
    verified.path.unlink(missing_ok=True)
    return again


def tags_of(extraction: Extraction) -> Mapping[str, str]:
    """Return what players show of a file of sound, by FFmpeg's names of tags."""
    account, published = extraction.account, extraction.published_at
    tags = {
        "title": extraction.title or extraction.text,
        "artist": account.display_name or account.handle,
        "date": published.date().isoformat() if published else None,
        "comment": redact_page(extraction.post.canonical_url),
    }
    return {
        name: " ".join(text.split())[:MAX_TAG_CHARS]
        for name, text in tags.items()
        if text and text.split()
    }
