"""Stage 9: the thumbnail. The post's own is fetched before the download, so that pages show it meanwhile; without one
it is a frame of the video. A missing thumbnail never fails a job.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from mediavault.core.failures import MediavaultError, NotAVideo
from mediavault.core.job import Stage
from mediavault.core.media import ItemType, VerifiedFile
from mediavault.core.messages import Message
from mediavault.core.pictures import MAX_PICTURE_BYTES, picture_suffix
from mediavault.egress.port import Timeouts
from mediavault.worker.attempt import Attempt

STILL_AT_S = 1.0  # after the black frames at the start of many videos
TIMEOUTS = Timeouts(connect_s=5, read_s=5, total_s=10)  # the download waits for it


async def own_picture(attempt: Attempt, index: int) -> Path | None:
    """Return the video's own picture in the staging folder; None when it has none that can be fetched.

    The post's picture stands for its first video only: the others are told apart by a frame of each.
    """
    is_first = attempt.items.count_of(index)[0] == 1
    url = attempt.item(index).thumbnail_url or (attempt.extraction.thumbnail_url if is_first else None)
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
    """Return a frame of the video, or a small copy of the picture, in the staging folder; None when it yields none."""
    into = attempt.tools.vault.staging.thumbnail_in(attempt.staging, ".jpg")
    picture = await attempt.tools.probe.still(verified.path, into=into, at_s=STILL_AT_S)
    if picture is None:
        await attempt.recorder.skipped(Stage.THUMBNAIL, Message("no thumbnail could be made of the file"))
    else:
        async with attempt.recorder.step(Stage.THUMBNAIL) as note:
            is_picture = verified.downloaded.type is ItemType.IMAGE
            note.detail = Message("a small copy of the picture") if is_picture else Message("a still of the video")
            note.bytes = picture.stat().st_size
    return picture


async def _fetch(url: str, attempt: Attempt) -> Path:
    extraction = attempt.extraction
    headers = {"Referer": extraction.final_url}
    if extraction.user_agent:
        headers["User-Agent"] = extraction.user_agent
    request = attempt.tools.client.get(url, scope=attempt.route.post.scope, headers=headers, timeouts=TIMEOUTS)
    async with request as response:
        body = await response.read(limit=MAX_PICTURE_BYTES)
        suffix = picture_suffix(body) if response.status == 200 else None
    if suffix is None:
        raise NotAVideo(
            "The thumbnail URL did not return an image.", http_status=response.status, bytes_received=len(body)
        )
    path = attempt.tools.vault.staging.thumbnail_in(attempt.staging, suffix)
    await asyncio.to_thread(_write, body, path)
    return path


def _write(body: bytes, path: Path) -> None:
    """Write a file that others may open as soon as it has its name."""
    draft = path.with_name("picture.part")
    draft.write_bytes(body)
    draft.replace(path)
