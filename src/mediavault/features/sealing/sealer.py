"""Makes sealed copies: a post's saved files with its page as it is now, their hashes and a
timestamp, as one zip.

The vault does not keep pages, so the page is visited for the copy, signed out. What cannot be
captured does not stop the copy: ``data/report.json`` says what is missing and why. A file that
differs from its hash does. The zip is written while it is sent: nothing of it is on a disk, and of
a video only a piece is in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mediavault import __version__
from mediavault.browser.port import Browser, PageCapture, SeenResponse
from mediavault.core.clock import Clock, iso_or_none
from mediavault.core.companions import COMMENTS_SUFFIX, OTHERS_INFO_SUFFIX, SIDECAR_SUFFIX, sibling
from mediavault.core.failures import BadInput, ErrorCode, Failure, NotFound, StorageFailure
from mediavault.core.job import HistoryRecord, Job, saved_files
from mediavault.core.logs import get_logger, job_context
from mediavault.core.media import Post, SavedFile
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.post_urls import has_url, page_to_visit
from mediavault.core.records import CheckVerdict
from mediavault.core.redaction import redact_address, redact_text
from mediavault.core.site_limits import (
    MANY_SITES,
    PermitRequest,
    SiteLimit,
    SiteState,
    closing_time,
)
from mediavault.core.urls import EgressScope
from mediavault.extraction.walls import hard_wall
from mediavault.features.sealing.bag import (
    CERTIFICATES,
    PAYLOAD,
    REPORT,
    TOKEN,
    BagFile,
    json_file,
    manifest_of,
    small_file,
    tag_files,
)
from mediavault.features.sealing.model import NotCaptured, SealedCopy, SealStep
from mediavault.library import disk
from mediavault.library.port import Library, OpenedFile
from mediavault.library.sidecars import with_marks
from mediavault.library.zip_stream import Names, ZipSink, write_file, zip_entry
from mediavault.maintenance.checking import judge
from mediavault.platforms import registry
from mediavault.store.port import Store

if TYPE_CHECKING:  # loads cryptography, which only a stamp needs
    from mediavault.features.sealing.timestamps import Certificate, Timestamp

VISIT_S = 60.0
PERMIT_WAIT = timedelta(seconds=60)
PROBE_WITHIN = timedelta(minutes=10)
MAX_TEXT_CHARS, MAX_HTML_CHARS = 20_000, 10_000_000  # as far as the browser reports them
REPORT_FORMAT = 1
PAGE_TEXT, PAGE_HTML, SCREENSHOT, HEADERS, HISTORY = (
    "page.txt",
    "page.html",
    "screenshot.png",
    "headers.json",
    "history.json",
)
_COMPANIONS = {
    COMMENTS_SUFFIX: "comments on the post",
    OTHERS_INFO_SUFFIX: "what yt-dlp knew about the post",
}
_PAGE_FILES = (PAGE_TEXT, PAGE_HTML, SCREENSHOT, HEADERS)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HIDDEN_HEADERS = ("cookie", "authorization", "proxy-")  # parts of names

OnStep = Callable[[SealStep], None]
OpenBrowser = Callable[[], AbstractAsyncContextManager[Browser]]
AskAuthority = Callable[[bytes], Awaitable[bytes]]  # sends a request, and returns the answer

log = get_logger(__name__)


class NotSealable(BadInput):
    """A file of the post is not as it was saved."""

    code = ErrorCode.ILLEGAL_MOVE
    help = (
        "Restore the file from a backup, or save the post again; a sealed copy must not vouch for a"
        " damaged file."
    )


@dataclass(slots=True)
class _Payload:
    files: list[BagFile] = field(default_factory=list)
    what: dict[str, str] = field(default_factory=dict)  # by path
    missing: list[NotCaptured] = field(default_factory=list)
    page: dict[str, Any] | None = None

    def add(self, file: BagFile, what: str) -> None:
        self.files.append(file)
        self.what[file.path] = what


class Sealer:
    """Makes sealed copies of a vault's posts.

    ``open_browser`` opens a browser without any sign-in. ``ask_authority`` is None without a
    timestamp authority, whose address is ``authority``; ``system_roots`` are the certificates that
    this system trusts. ``slower`` returns a site's factor of the setting ``pace``.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        clock: Clock,
        open_browser: OpenBrowser,
        *,
        ask_authority: AskAuthority | None = None,
        authority: str | None = None,
        system_roots: Callable[[], Sequence[Certificate]] = tuple,
        new_nonce: Callable[[], int],
        slower: Callable[[str], Awaitable[float]],
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._open_browser = open_browser
        self._ask_authority = ask_authority
        self._authority = authority
        self._system_roots = system_roots
        self._new_nonce = new_nonce
        self._slower = slower

    async def seal(self, job: Job, on_step: OnStep = lambda _: None) -> SealedCopy:
        """Return a sealed copy of a post. Raises NotFound without saved files,
        NotSealable, StorageFailure, StoreError.
        """
        with job_context(job.id, job.trace_id):
            on_step(SealStep.CHECKING)
            payload = _Payload()
            await self._add_saved(job, payload)
            history = await self._store.catalogue.history(job.id)
            payload.add(
                json_file(f"{PAYLOAD}{HISTORY}", _history(job, history)), "what the vault did"
            )
            on_step(SealStep.VISITING)
            await self._add_page(job, payload)
            copy = await self._finished(job, payload, on_step)
            log.info(
                "copy_sealed",
                files=len(copy.files),
                bytes=copy.bytes,
                missing=len(copy.not_captured),
                stamped=copy.timestamp is not None,
            )
            return copy

    # --- what was saved ---------------------------------------------------------------------------

    async def _add_saved(self, job: Job, payload: _Payload) -> None:
        files = files_to_seal(job)
        names = Names()
        for own in (*_PAGE_FILES, HISTORY, PurePosixPath(REPORT).name):
            names.free(own)

        def path_of(library_path: str) -> str:
            return PAYLOAD + names.free(PurePosixPath(library_path).name.replace("%", "_"))

        for saved in files:
            verdict, detail = judge(saved, await self._library.digest(saved.output_path))
            if verdict is not CheckVerdict.WHOLE:
                raise NotSealable(
                    Message(
                        "%(path)s is missing, or is not the file that was saved. %(detail)s",
                        path=saved.output_path,
                        detail=detail,
                    )
                )
            video = path_of(saved.output_path)
            payload.add(
                BagFile(video, saved.bytes, saved.sha256, source=saved.output_path),
                "the saved file",
            )
            sidecar = await self._library.read_json(sibling(saved.output_path, SIDECAR_SUFFIX))
            path = sibling(video, SIDECAR_SUFFIX)
            if sidecar is None:
                payload.missing.append(NotCaptured(path, Message("It is not in the library.")))
            else:  # what users noted is theirs, and no part of the post
                payload.add(json_file(path, with_marks(sidecar, ())), "metadata of the saved file")
            for suffix in saved.beside:
                what = _COMPANIONS.get(suffix, "subtitles")
                await self._add_companion(
                    sibling(saved.output_path, suffix), sibling(video, suffix), what, payload
                )
            if saved.thumbnail_path is not None:
                await self._add_companion(
                    saved.thumbnail_path, path_of(saved.thumbnail_path), "thumbnail", payload
                )

    async def _add_companion(
        self, library_path: str, path: str, what: str, payload: _Payload
    ) -> None:
        digest = await self._library.digest(library_path)
        if digest is None:
            payload.missing.append(NotCaptured(path, Message("It is not in the library.")))
        else:
            payload.add(BagFile(path, digest.bytes, digest.sha256, source=library_path), what)

    # --- the page ---------------------------------------------------------------------------------

    async def _add_page(self, job: Job, payload: _Payload) -> None:
        platform = registry.platform(job.platform)
        if not has_url(job.canonical_url):
            reason: str | None = Message(
                "The video was imported without a link, so there was no page to visit."
            )
        else:
            reason = await self._wait_for_permit(job, platform)
        if reason is None:
            try:
                capture = await self._visit(job, platform)
            except (Failure, BadInput) as exc:
                reason = exc.message
            else:
                payload.page = _page_facts(capture, self._clock.now())
                await self._add_capture(capture, _documents(capture), platform, payload)
                return
        payload.missing.append(NotCaptured(Message("the page"), reason))

    async def _visit(self, job: Job, platform: Platform) -> PageCapture:
        url = page_to_visit(Post(job.post_url, job.canonical_url, platform.name), platform)
        async with self._open_browser() as browser:
            return await browser.capture(
                url,
                scope=EgressScope(url, job.listed_by),
                platform=platform,
                within_s=VISIT_S,
                screenshot=True,
            )

    async def _wait_for_permit(self, job: Job, platform: Platform) -> str | None:
        """Wait for the site's next permit, as a job does. Returns why there is none:
        the copy is made without the page.
        """
        if platform.name in MANY_SITES:
            return None
        if (reason := await self._closed_reason(platform)) is not None:
            return reason
        interval = timedelta(
            seconds=platform.pace.interval_s[1] * await self._slower(platform.name)
        )
        permit = await self._store.site_limits.acquire_permit(
            PermitRequest(job.id, platform.name, interval, PROBE_WITHIN, max_wait=PERMIT_WAIT)
        )
        if permit.refused is not None:
            return Message(
                "%(site)s allows no request at the moment, because of its limits.",
                site=platform.title,
            )
        if (wait_s := (permit.at - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(wait_s)
            # a job may have closed the site in the meantime
            return await self._closed_reason(platform)
        return None

    async def _closed_reason(self, platform: Platform) -> str | None:
        """Return why the site is not open; None when it is.
        A half-open site is probed by a job, not by a copy.
        """
        limit = await self._limit(platform)
        if limit is None or limit.state(self._clock.now()) is SiteState.OPEN:
            return None
        return Message(
            "mediavault is leaving %(site)s alone at the moment: %(reason)s",
            site=platform.title,
            reason=limit.reason,
        )

    async def _limit(self, platform: Platform) -> SiteLimit | None:
        limits = await self._store.site_limits.all_limits()
        return next((limit for limit in limits if limit.platform == platform.name), None)

    async def _add_capture(
        self,
        capture: PageCapture,
        documents: Sequence[SeenResponse],
        platform: Platform,
        payload: _Payload,
    ) -> None:
        def add(name: str, content: bytes | None, what: str, empty: str) -> None:
            if content:
                payload.add(small_file(PAYLOAD + name, content), what)
            else:
                payload.missing.append(NotCaptured(PAYLOAD + name, empty))

        add(
            PAGE_TEXT,
            capture.visible_text.encode("utf-8", "replace"),
            "the visible text of the page",
            Message("The page showed no text."),
        )
        add(
            PAGE_HTML,
            capture.html.encode("utf-8", "replace"),
            "the page's document, as the browser had it",
            Message("The page sent no document."),
        )
        add(
            SCREENSHOT,
            capture.screenshot,
            "a picture of the page",
            Message("The browser could not take a picture of the page."),
        )
        headers = json_file(
            PAYLOAD + HEADERS, {"responses": [_response(seen) for seen in documents]}
        )
        payload.add(headers, "status and headers of the page and its redirects, without cookies")
        if (wall := hard_wall(capture, platform)) is not None:
            payload.missing.append(
                NotCaptured(
                    Message("the post"),
                    Message("The page did not show the post: %(reason)s", reason=wall.message),
                )
            )
            await self._note_refusal(wall, platform)

    async def _note_refusal(self, wall: Failure, platform: Platform) -> None:
        """Close the site where it asked us to slow down, as after a job's request."""
        if wall.code is ErrorCode.RATE_LIMITED and platform.name not in MANY_SITES:
            first, limit = (
                wall.retry_after or timedelta(seconds=platform.pace.cooldown_s),
                await self._limit(platform),
            )
            duration = closing_time(first, limit.failures if limit else 0)
            await self._store.site_limits.pause_site(
                platform.name, duration=duration, code=wall.code, reason=wall.message
            )

    # --- the bag ----------------------------------------------------------------------------------

    async def _finished(self, job: Job, payload: _Payload, on_step: OnStep) -> SealedCopy:
        at = self._clock.now()
        files = [*payload.files, self._report(job, payload, at)]
        stamp: dict[str, bytes] = {}
        timestamp = None
        if self._ask_authority is not None:
            on_step(SealStep.STAMPING)
            try:
                timestamp, stamp = await self._stamp(manifest_of(files), self._ask_authority)
            except (Failure, BadInput) as exc:
                reason = exc.message
                log.warning("timestamp_failed", error=reason)
                payload.missing.append(
                    NotCaptured(
                        TOKEN,
                        Message("The authority gave no valid timestamp: %(reason)s", reason=reason),
                    )
                )
                files[-1] = self._report(job, payload, at)
        facts = {
            "Source-Organization": "mediavault (self-hosted)",
            "External-Identifier": job.post_url,
            "External-Description": (
                f"Video of a post on {registry.platform(job.platform).title}, and the post's page"
            ),
            "Internal-Sender-Identifier": job.id,
            "Bag-Software-Agent": f"mediavault {__version__}",
        }
        whole = (*files, *tag_files(files, facts, at, stamp))
        return SealedCopy(
            f"mediavault-{job.id}-{at:%Y%m%dT%H%M%SZ}", at, whole, tuple(payload.missing), timestamp
        )

    async def _stamp(
        self, manifest: bytes, ask: AskAuthority
    ) -> tuple[Timestamp, dict[str, bytes]]:
        from mediavault.features.sealing.timestamps import (
            certificates_of,
            check_timestamp,
            timestamp_request,
        )

        nonce, roots = self._new_nonce(), self._system_roots()
        answer = await ask(timestamp_request(manifest, nonce))
        timestamp = check_timestamp(answer, manifest, nonce=nonce, system_roots=roots)
        return timestamp, {TOKEN: answer, CERTIFICATES: certificates_of(answer, roots)}

    def _report(self, job: Job, payload: _Payload, at: datetime) -> BagFile:
        account = job.account
        return json_file(
            REPORT,
            {
                "format": REPORT_FORMAT,
                "sealed_at": at.isoformat(),
                "mediavault": __version__,
                "post": {
                    "url": job.post_url,
                    "canonical_url": job.canonical_url,
                    "site": job.platform,
                    "account": account.handle if account else None,
                    "title": job.metadata.get("title"),
                    "text": job.metadata.get("text"),
                    "published_at": job.metadata.get("published_at"),
                },
                "job": {
                    "id": job.id,
                    "version": job.version,
                    "saved_at": iso_or_none(job.completed_at),
                },
                "files": [
                    {
                        "path": file.path,
                        "what": payload.what[file.path],
                        "bytes": file.size,
                        "sha256": file.sha256,
                    }
                    for file in payload.files
                ],
                "page": payload.page,
                "timestamp_authority": self._authority,
                "not_captured": [asdict(missing) for missing in payload.missing],
            },
        )

    async def pieces(self, copy: SealedCopy) -> AsyncGenerator[bytes, None]:
        """Yield the zip piece by piece. Raises StorageFailure when a file has changed or gone since
        the copy was made.
        """
        sink = ZipSink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for file in copy.files:
                info = zip_entry(f"{copy.name}/{file.path}", file.size, copy.at)
                if file.content is not None:
                    archive.writestr(info, file.content)
                    yield sink.taken()
                    continue
                async with aclosing(
                    _stored(archive, sink, info, file, await self._open(file))
                ) as pieces:
                    async for piece in pieces:
                        yield piece
        yield sink.taken()

    async def _open(self, file: BagFile) -> OpenedFile:
        opened = await self._library.open(file.source or "")
        if opened is None or opened.size != file.size:
            if opened is not None:
                await opened.close()
            raise _changed(file)
        return opened


def files_to_seal(job: Job) -> list[SavedFile]:
    """Return the post's saved files. Raises NotFound when there are none."""
    files = list(saved_files(job).values())
    if not files:
        raise NotFound(
            "The job has no file in the library.", help="Only saved posts can be sealed."
        )
    return files


async def write_new(file: Path, pieces: AsyncIterator[bytes]) -> None:
    """Write a new file, which appears whole or not at all.
    Raises BadInput when it exists, StorageFailure, NoSpace.
    """
    async with disk.new_file(file) as draft:
        with disk.translate_errors(file.parent):
            stream = draft.open("wb")
        with stream:
            async for piece in pieces:
                with disk.translate_errors(file.parent):
                    await asyncio.to_thread(stream.write, piece)
        await asyncio.to_thread(disk.seal, draft, "known")  # its hash is not needed


def _changed(file: BagFile) -> StorageFailure:
    return StorageFailure(
        Message("%(path)s has changed since the copy was sealed.", path=file.source or file.path)
    )


async def _stored(
    archive: zipfile.ZipFile,
    sink: ZipSink,
    info: zipfile.ZipInfo,
    file: BagFile,
    opened: OpenedFile,
) -> AsyncGenerator[bytes, None]:
    """Write one file of the library into the archive, and yield the archive's bytes.
    Raises StorageFailure.
    """
    digest = hashlib.sha256()
    try:
        async with aclosing(
            write_file(archive, sink, info, opened, on_chunk=digest.update)
        ) as pieces:
            async for piece in pieces:
                yield piece
    except EOFError as exc:
        raise _changed(file) from exc
    finally:
        await opened.close()
    if digest.hexdigest() != file.sha256:
        raise _changed(file)


# --- what the files say ---------------------------------------------------------------------------


def _page_facts(capture: PageCapture, at: datetime) -> dict[str, Any]:
    return {
        "visited_at": at.isoformat(),
        "signed_in": False,
        "url": capture.url,
        "final_url": capture.final_url,
        "status": capture.status,
        "title": capture.title,
        "user_agent": capture.user_agent,
        "text_is_cut": len(capture.visible_text) >= MAX_TEXT_CHARS,
        "document_is_cut": len(capture.html) >= MAX_HTML_CHARS,
    }


def _documents(capture: PageCapture) -> list[SeenResponse]:
    """Return the redirects that led to the page, and its document, in order."""
    documents = [seen for seen in capture.responses if seen.resource_type == "document"]
    chain: list[SeenResponse] = []
    url: str | None = capture.url
    while url is not None:
        seen = next(
            (one for one in documents if one not in chain and _bare(one.url) == _bare(url)), None
        )
        if seen is None:
            break
        chain.append(seen)
        location = seen.headers.get("location") if seen.status in _REDIRECTS else None
        url = urljoin(seen.url, location) if location else None
    last = next(
        (
            document
            for document in reversed(documents)
            if _bare(document.url) == _bare(capture.final_url)
        ),
        None,
    )
    if last is not None and last not in chain:  # a script led there
        chain.append(last)
    return chain


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(path=parts.path or "/", fragment="").geturl()


def _response(seen: SeenResponse) -> dict[str, Any]:
    headers = {
        name: value
        for name, value in seen.headers.items()
        if not any(part in name for part in _HIDDEN_HEADERS)
    }
    return {"url": seen.url, "status": seen.status, "headers": headers}


def _history(job: Job, history: Sequence[HistoryRecord]) -> dict[str, Any]:
    """Return what the vault did for the post. Addresses lose their queries, texts what looks
    secret, as in the job's log.
    """
    return {
        "created_at": iso_or_none(job.created_at),
        "completed_at": iso_or_none(job.completed_at),
        "attempts": job.attempt_count,
        "profile": job.profile,
        "media_address": redact_address(job.extracted_url) if job.extracted_url else None,
        "steps": [
            {
                "at": iso_or_none(record.at),
                "attempt": record.attempt,
                "stage": record.stage,
                "strategy": record.strategy,
                "outcome": record.outcome,
                "error_code": record.error_code,
                "bytes": record.bytes,
                "duration_ms": record.duration_ms,
                "detail": redact_text(record.detail),
            }
            for record in history
        ],
    }
