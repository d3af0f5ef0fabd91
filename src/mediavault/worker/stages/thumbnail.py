"""Stage 9: the thumbnail: the post's own, else a frame of the video. A missing thumbnail never fails a job."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mediavault.core.failures import MediavaultError, NotAVideo
from mediavault.core.job import Stage
from mediavault.core.media import VerifiedFile
from mediavault.core.messages import Message
from mediavault.services.egress.port import Timeouts
from mediavault.worker.attempt import Attempt

MAX_THUMBNAIL_BYTES = 20 << 20
STILL_AT_S = 1.0  # after the black frames at the start of many videos
TIMEOUTS = Timeouts(connect_s=10, read_s=10, total_s=30)


async def thumbnail(attempt: Attempt, index: int, verified: VerifiedFile) -> Path | None:
    """Return a picture in the staging folder; None when neither the post nor the video yields one."""
    tools, journal, into = attempt.tools, attempt.recorder, attempt.staging
    url = attempt.item(index).thumbnail_url or attempt.extraction.thumbnail_url
    if url:
        try:
            async with journal.step(Stage.THUMBNAIL) as note:
                picture = await _fetch(url, attempt)
                note.detail, note.bytes = Message("the post's own"), picture.stat().st_size
                return picture
        except MediavaultError:
            pass  # recorded by the step; a frame of the video is used instead
    still = await tools.probe.still(verified.path, into=into / "thumbnail.jpg", at_s=STILL_AT_S)
    if still is None:
        await journal.skipped(Stage.THUMBNAIL, Message("no picture could be made of the video"))
    else:
        async with journal.step(Stage.THUMBNAIL) as note:
            note.detail, note.bytes = Message("a still of the video"), still.stat().st_size
    return still


async def _fetch(url: str, attempt: Attempt) -> Path:
    extraction = attempt.extraction
    headers = {"Referer": extraction.final_url}
    if extraction.user_agent:
        headers["User-Agent"] = extraction.user_agent
    request = attempt.tools.client.get(url, scope_url=extraction.post.url, headers=headers, timeouts=TIMEOUTS)
    async with request as response:
        body = await response.read(limit=MAX_THUMBNAIL_BYTES)
        suffix = picture_suffix(body) if response.status == 200 else None
    if suffix is None:
        raise NotAVideo(
            "The thumbnail URL did not return an image.", http_status=response.status, bytes_received=len(body)
        )
    path = attempt.staging / f"thumbnail{suffix}"
    await asyncio.to_thread(path.write_bytes, body)
    return path


def picture_suffix(body: bytes) -> str | None:
    """Return the suffix of a JPEG, PNG or WebP file by its magic bytes; None for anything else, SVG included."""
    if body.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ".webp"
    return None
