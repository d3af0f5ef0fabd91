"""After stage 7: remux a video whose container browsers cannot open into an MP4, without re-encoding."""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.failures import Failure
from mediavault.core.job import Stage
from mediavault.core.media import VerifiedFile
from mediavault.core.messages import Message
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
            await attempt.tools.remux([verified.path], into)
            size = into.stat().st_size
            again = await validate(replace(verified.downloaded, path=into, bytes=size, sha256=None), attempt)
            note.detail = Message(
                "put into an MP4, so that browsers play it: %(container)s before", container=verified.report.container
            )
            note.bytes = size
    except Failure:
        into.unlink(missing_ok=True)  # recorded by the step; the file itself is whole
        return verified
    verified.path.unlink(missing_ok=True)
    return again
