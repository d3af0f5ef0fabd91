"""Fetches subtitles: one file, or an HLS playlist of WebVTT segments (RFC 8216, section 3.5),
as cues.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mediavault.core.cookies import Cookie
from mediavault.core.failures import HttpError, LinkExpired, NotAVideo, RateLimited, TooLarge
from mediavault.core.media import Cue, SubtitleSource
from mediavault.core.messages import Message
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.urls import EgressScope
from mediavault.core.webvtt import read_subtitles
from mediavault.download.hls_text import looks_like_hls
from mediavault.download.manifest_reading import ManifestReader, ManifestText
from mediavault.download.pacing import all_or_first_failure
from mediavault.egress.port import HttpClient, Timeouts

MAX_FILE_BYTES = 10 << 20
MAX_SEGMENTS = 3_000
AT_ONCE = 4  # segments
WITHIN_S = 120.0  # all of one language
_TIMEOUTS = Timeouts(connect_s=10, read_s=15, total_s=60)
_CLOCK_HZ = 90_000
_REFUSED = (401, 403, 404, 410)
_MAP = re.compile(
    r"^X-TIMESTAMP-MAP=(?=[^\n]*MPEGTS:(\d{1,12}))(?=[^\n]*LOCAL:([\d:.]{1,16}))", re.MULTILINE
)


_Fetch = Callable[[str], Awaitable[tuple[str, str]]]


class SubtitleFetcher:
    """``FetchSubtitles`` over the guarded client."""

    def __init__(self, client: HttpClient, manifests: ManifestReader) -> None:
        self._client, self._manifests = client, manifests

    async def __call__(
        self,
        source: SubtitleSource,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
    ) -> tuple[Cue, ...]:
        async def fetch(url: str) -> tuple[str, str]:
            return await self._text(url, scope, headers, cookies)

        try:
            async with asyncio.timeout(WITHIN_S):
                url, text = await fetch(source.url)
                if not looks_like_hls(text):
                    return await asyncio.to_thread(_read, text)
                return await self._segments(url, text, fetch)
        except TimeoutError as exc:
            raise NotAVideo(
                Message("The subtitles took longer than %(within_s).0f seconds.", within_s=WITHIN_S)
            ) from exc

    async def _segments(self, url: str, text: str, fetch: _Fetch) -> tuple[Cue, ...]:
        found = await self._manifests.read_manifest(ManifestText(text, url))
        segments = [segment for track in found.tracks for segment in track.segments]
        if not 0 < len(segments) <= MAX_SEGMENTS:
            raise NotAVideo("The subtitle playlist lists no segments, or too many.")
        if any(segment.key or segment.span for segment in segments):
            raise NotAVideo("The subtitles are encrypted, or are byte ranges of a single file.")
        slots = asyncio.Semaphore(AT_ONCE)
        chars = 0

        async def one(address: str) -> str:
            nonlocal chars
            async with slots:
                text = (await fetch(address))[1]
            chars += len(text)
            # a small response may be a large one once it is decompressed
            if chars > MAX_FILE_BYTES:
                raise TooLarge("The subtitles are too large.")
            return text

        texts = await all_or_first_failure([one(segment.url) for segment in segments])
        return await asyncio.to_thread(_joined, texts)

    async def _text(
        self,
        url: str,
        scope: EgressScope,
        headers: Mapping[str, str] | None,
        cookies: Sequence[Cookie],
    ) -> tuple[str, str]:
        """Return the final URL and the text of a response. Raises RateLimited,
        LinkExpired, HttpError and the client's.
        """
        request = self._client.get(
            url, scope=scope, headers=headers, cookies=cookies, timeouts=_TIMEOUTS, decode=True
        )
        async with request as answer:
            if answer.status == 429:
                wait = parse_retry_after(answer.headers)
                raise RateLimited(
                    "The site is limiting requests for subtitles.",
                    retry_after=wait,
                    http_status=429,
                )
            if answer.status in _REFUSED:
                raise LinkExpired("The site refused the subtitles.", http_status=answer.status)
            if answer.status != 200:
                raise HttpError(
                    Message(
                        "The site answered %(status)d for the subtitles.", status=answer.status
                    ),
                    http_status=answer.status,
                )
            return answer.url, (await answer.read(limit=MAX_FILE_BYTES)).decode(
                "utf-8-sig", "replace"
            )


def _read(text: str) -> tuple[Cue, ...]:
    try:
        return read_subtitles(text)
    except ValueError as exc:
        raise NotAVideo(
            Message("The subtitles from the site could not be read: %(error)s.", error=exc)
        ) from exc


def _joined(texts: Sequence[str]) -> tuple[Cue, ...]:
    """Return the cues of all segments on one clock. A cue that spans two segments is in both,
    and is taken once.
    """
    first: float | None = None
    found: dict[tuple[float, float, str], Cue] = {}
    for text in texts:
        at_s = _origin_s(text)
        first = at_s if first is None else first
        try:
            cues = read_subtitles(text)
        except ValueError:
            continue  # silence for some seconds
        for cue in cues:
            start_s, end_s = (
                round(cue.start_s + at_s - first, 3),
                round(cue.end_s + at_s - first, 3),
            )
            if start_s >= 0:
                found.setdefault((start_s, end_s, cue.text), Cue(start_s, end_s, cue.text))
    if not found:
        raise NotAVideo("The subtitles are empty.")
    return tuple(sorted(found.values(), key=lambda cue: cue.start_s))


def _origin_s(text: str) -> float:
    """Return the second of the stream's clock at which the segment's own clock is at zero."""
    match = _MAP.search(text[:1_000])
    if match is None:
        return 0.0
    try:
        local_s: float = sum(
            float(part) * 60**power for power, part in enumerate(reversed(match[2].split(":")))
        )
    except ValueError:
        return 0.0
    return int(match[1]) / _CLOCK_HZ - local_s
