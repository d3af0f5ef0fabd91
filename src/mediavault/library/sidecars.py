"""The ``.info.json`` next to a video: what the library itself knows about each file, without any
database.

``marks`` is what people noted about the post, so that it is not lost with the database. Version 2
added which item of the post it is, the post's other items, and the attempt. Version 3 added the
names under which yt-dlp writes the same facts, for tools that read its ``.info.json``; ``id`` is
the post's since then, and the job's is ``job_id``. Older versions are read as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from mediavault.core import recordings
from mediavault.core.clock import is_plausible, moment_or_none
from mediavault.core.companions import SIDECAR_SUFFIX, THUMB_MARK, is_beside, split_stem
from mediavault.core.failures import FAILURES, BadInput, ErrorCode, Remedy
from mediavault.core.job import ItemStatus, Job, JobId, JobItem
from mediavault.core.marks import IN_SIDECARS, Mark, is_written_so
from mediavault.core.media import Account, Chapter, Extraction, Item, ItemRole, ItemType, SavedFile
from mediavault.core.messages import from_json, to_json
from mediavault.core.names import is_utf8, slug
from mediavault.core.post_urls import has_url
from mediavault.core.profiles import is_profile_name
from mediavault.core.recordings import RECORDING
from mediavault.core.redaction import redact_distinctly, redact_page

SIDECAR_VERSION = 3
SIDECAR_LIMIT_BYTES = 4 << 20  # ours have a few kilobytes; a post's text is the longest part

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_THUMBNAIL = re.compile(rf"(?:{THUMB_MARK})?{_SUFFIX.pattern}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PLATFORM = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")  # it appears in URLs and in commands
_MAX_COUNT = 1_000_000  # of versions, attempts, pixels: columns of 32 bits hold it
_MAX_BYTES = 1 << 50  # of a video: the sum of thousands fits into 63 bits
_MAX_MARKS = 1_000
_MAX_BESIDE = 200  # files next to a video: no worker saves subtitles in more than 100 languages
_RESOLVED_URL = "resolved_url"  # where a share link led
FILE_DATE = "file_date"  # of an imported file, where nothing says when its post was published
_JOB_ID = "job_id"
# yt-dlp's extractors of these platforms; for others, the platform's name
_EXTRACTOR_KEYS = {
    "bilibili": "BiliBili", "generic": "Generic", "linkedin": "LinkedIn", "tiktok": "TikTok",
    "x": "Twitter",
}  # fmt: skip
_MARKS = "marks"
# The reasons for which a user may save a file as it is.
_DESPITE = frozenset(code for code, spec in FAILURES.items() if spec.remedy is Remedy.ACCEPT)
_MAX_REASON = 5_000


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar's content, validated. ``item`` is the file's index in ``items``.

    ``items`` are the post's media as that attempt saw them: waiting if they were to be saved, else
    skipped. Version 1 has only the video's ``number`` among the saved videos and their count; its
    ``items`` are that many plain ones.
    """

    id: JobId
    trace_id: str
    post_url: str
    canonical_url: str
    version: int
    platform: str
    account: Account | None
    metadata: Mapping[str, Any]
    created_at: datetime
    saved_at: datetime
    attempt: int
    item: int
    items: tuple[JobItem, ...]
    saved: SavedFile
    marks: tuple[Mark, ...] = ()
    profile: str | None = None


class BadSidecar(Exception):
    """The reason completes the sentence "The sidecar cannot be used, because …"."""


def parse_sidecar(text: bytes) -> Mapping[str, Any] | None:
    """Parse a sidecar; None when it is not a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# --- writing --------------------------------------------------------------------------------------


def write_sidecar(
    job: Job,
    extraction: Extraction | None,
    items: Sequence[JobItem],
    place: int,
    saved: SavedFile,
    *,
    saved_at: datetime,
    marks: Sequence[Mark] = (),
) -> dict[str, Any]:
    """Return the content of ``.info.json``: enough to rebuild the row without the database.

    It never contains cookies, headers, signed URLs or the secrets of a post's address: others read
    the library too.

    ``saved`` is the file of the item at ``place``; without ``extraction`` the rest comes from the
    job's checkpoint.
    """
    post = _post_facts(job, extraction)
    account = extraction.account if extraction else job.account
    recording = recordings.from_json(
        (extraction.metadata if extraction else job.metadata).get(RECORDING)
    )
    return {
        **_ytdlp_names(job, post, account, saved),
        "mediavault": SIDECAR_VERSION,
        _JOB_ID: job.id,
        "trace_id": job.trace_id,
        "post_url": redact_distinctly(job.post_url),
        "canonical_url": redact_distinctly(job.canonical_url),
        _RESOLVED_URL: post[_RESOLVED_URL] and redact_page(post[_RESOLVED_URL]),
        "version": job.version,
        "platform": job.platform,
        "profile": job.profile,
        "post_id": post["post_id"],
        "account": _written_account(account),
        "title": post["title"],
        "text": post["text"],
        "published_at": post["published_at"],
        **({FILE_DATE: post[FILE_DATE]} if post.get(FILE_DATE) else {}),
        **({RECORDING: asdict(recording)} if recording else {}),
        "created_at": job.created_at.isoformat(),
        "saved_at": saved_at.isoformat(),
        "attempt": job.attempt_count,
        "video": _written_video(items, place, saved),
        "thumbnail": saved.thumbnail_path,
        "item": place,
        "items": [_written_item(item) for item in items],
        _MARKS: _written_marks(marks),
    }


def with_marks(sidecar: Mapping[str, Any], marks: Sequence[Mark]) -> dict[str, Any]:
    """Return a sidecar's content with these marks instead of those that it has."""
    return {**sidecar, _MARKS: _written_marks(marks)}


def with_place(sidecar: Mapping[str, Any], saved: SavedFile) -> dict[str, Any]:
    """Return a sidecar's content with the paths that its video and its picture have now."""
    return {
        **sidecar,
        "video": {**sidecar["video"], "path": saved.output_path},
        "thumbnail": saved.thumbnail_path,
    }


def with_companions(sidecar: Mapping[str, Any], saved: SavedFile) -> dict[str, Any]:
    """Return a sidecar's content with the video's present companions instead of those that it
    names.
    """
    video = sidecar.get("video")
    return {
        **sidecar,
        "video": {**(video if isinstance(video, dict) else {}), "beside": list(saved.beside)},
    }


def _post_facts(job: Job, extraction: Extraction | None) -> Mapping[str, Any]:
    known = job.metadata
    if extraction is None:
        names = ("post_id", "title", "text", "published_at", _RESOLVED_URL, FILE_DATE)
        return {name: known.get(name) for name in names}
    published = extraction.published_at
    return {
        "post_id": extraction.post.post_id or known.get("post_id"),
        "title": extraction.title,
        "text": extraction.text,
        "published_at": published.isoformat() if published else known.get("published_at"),
        _RESOLVED_URL: extraction.metadata.get(_RESOLVED_URL),
    }


def _ytdlp_names(
    job: Job, post: Mapping[str, Any], account: Account | None, saved: SavedFile
) -> dict[str, Any]:
    """Return what yt-dlp calls otherwise than we do; what is not known is left out, as it does.

    Source: "Extractor fields" in the docstring of yt_dlp/extractor/common.py.
    """
    name = account and (account.display_name or account.handle)
    handle = account and account.handle
    key = _EXTRACTOR_KEYS.get(job.platform, job.platform.capitalize())
    published = moment_or_none(post["published_at"])
    names = {
        "id": post["post_id"] or job.id,
        "_type": "video",
        "fulltitle": post["title"],
        "description": post["text"],
        "webpage_url": redact_page(job.canonical_url) if has_url(job.canonical_url) else None,
        "original_url": redact_page(job.post_url) if has_url(job.canonical_url) else None,
        "extractor": key.lower(),
        "extractor_key": key,
        "uploader": name,
        "uploader_id": handle,
        "channel": name,
        "upload_date": published and f"{published:%Y%m%d}",
        "timestamp": published and int(published.timestamp()),
        "duration": saved.duration_s,
        "width": saved.width,
        "height": saved.height,
        "filesize": saved.bytes,
        "ext": PurePosixPath(saved.output_path).suffix.removeprefix("."),
    }
    return {name: value for name, value in names.items() if value is not None}


def job_id_of(sidecar: Mapping[str, Any]) -> object:
    """Return the id of the job that a sidecar of any version is about."""
    return sidecar.get(_JOB_ID) or sidecar.get("id")


def _written_account(account: Account | None) -> dict[str, Any]:
    if account is None:
        return dict.fromkeys(("platform", "handle", "display_name", "slug"))
    return {
        "platform": account.platform,
        "handle": account.handle,
        "display_name": account.display_name,
        "slug": account.slug,
    }


def _written_video(items: Sequence[JobItem], index: int, saved: SavedFile) -> dict[str, Any]:
    numbers = [number for number, item in enumerate(items) if item.status is not ItemStatus.SKIPPED]
    return {
        "number": numbers.index(index) + 1,
        "of": len(numbers),
        "path": saved.output_path,
        "bytes": saved.bytes,
        "sha256": saved.sha256,
        "duration_s": saved.duration_s,
        "width": saved.width,
        "height": saved.height,
        "beside": list(saved.beside),
    }


def _written_marks(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    return [
        {"name": mark.name, "text": mark.text, "place": mark.place}
        for mark in marks
        if mark.kind in IN_SIDECARS
    ]


def _written_item(entry: JobItem) -> dict[str, Any]:
    return {
        "type": entry.item.type,
        "role": entry.item.role,
        "media_id": entry.item.media_id,
        "label": entry.item.label,
        "chapters": [[chapter.start_s, chapter.title] for chapter in entry.item.chapters],
        "saved": entry.status is not ItemStatus.SKIPPED,
        **(
            _written_despite(entry)
            if entry.status in (ItemStatus.COMMITTING, ItemStatus.SAVED)
            else {}
        ),
    }


def _written_despite(entry: JobItem) -> dict[str, Any]:
    """Return why a saved file would have been refused; nothing where it was not."""
    if entry.error_code is None or entry.error is None:
        return {}
    return {
        "despite": {"code": entry.error_code, "reason": entry.error, "params": to_json(entry.error)}
    }


# --- reading --------------------------------------------------------------------------------------


def read_sidecar(value: Mapping[str, Any], path: str) -> Sidecar:
    """Check the sidecar that was read from ``path`` in the library. Raises BadSidecar.

    Its video is the one next to it, whatever folder it was written in: the account's folder may
    have been renamed.
    """
    version = _whole(value, "mediavault", at_least=1)
    if version > SIDECAR_VERSION:
        raise BadSidecar(f"it has version {version}; this mediavault knows up to {SIDECAR_VERSION}")
    platform, video = _text(value, "platform", _PLATFORM), _object(value, "video")
    items, item = _items_v1(video) if version == 1 else _items(value)
    if item >= len(items) or items[item].status is ItemStatus.SKIPPED:
        raise BadSidecar("it does not say which of the post's media it is")
    return Sidecar(
        id=_job_id(value),
        trace_id=_text(value, "trace_id", _ID),
        post_url=_text(value, "post_url"),
        canonical_url=_text(value, "canonical_url"),
        version=_whole(value, "version", at_least=1),
        platform=platform,
        account=_account(_object(value, "account"), platform),
        metadata=_metadata(value),
        created_at=_moment(value, "created_at"),
        saved_at=_moment(value, "saved_at"),
        attempt=1 if version == 1 else _whole(value, "attempt", at_least=1),
        item=item,
        items=items,
        saved=_saved(video, value.get("thumbnail"), path),
        marks=tuple(_marks(value)),
        profile=_profile(value),
    )


def _profile(value: Mapping[str, Any]) -> str | None:
    name = value.get("profile")
    return name if isinstance(name, str) and is_profile_name(name) else None


def _job_id(value: Mapping[str, Any]) -> JobId:
    return JobId(_text(value, "id" if value["mediavault"] < 3 else _JOB_ID, _ID))


def _marks(value: Mapping[str, Any]) -> Iterator[Mark]:
    """Yield the marks. One that mediavault would not write is ignored:
    a video is not lost for its sake.
    """
    listed = value.get(_MARKS)
    for entry in listed[:_MAX_MARKS] if isinstance(listed, list) else ():
        with suppress(BadSidecar, BadInput):
            if not isinstance(entry, dict):
                continue
            name, text = _text(entry, "name"), _text_or_none(entry, "text") or ""
            place = _whole(entry, "place", at_least=-(2**62), at_most=2**62)
            if is_written_so(name, text) and is_utf8(text) and "\0" not in text:
                yield Mark(_job_id(value), name, text, place)


def _metadata(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata under a checkpoint's names; of unknown values,
    only those that every checkpoint has.
    """
    metadata = {
        name: _text_or_none(value, name) for name in ("title", "text", "published_at", "post_id")
    }
    recording = recordings.from_json(value.get(RECORDING))
    rare = {
        name: text for name in (_RESOLVED_URL, FILE_DATE) if (text := _text_or_none(value, name))
    }
    return {**metadata, **rare, **({RECORDING: asdict(recording)} if recording else {})}


def _account(value: Mapping[str, Any], platform: str) -> Account | None:
    """Return the account. Its slug appears in URLs, so a value edited by hand is normalised."""
    text = _text_or_none(value, "slug")
    if text is None:
        return None
    own_platform = value.get("platform")
    return Account(
        _text(value, "platform", _PLATFORM) if own_platform else platform,
        _text_or_none(value, "handle"),
        _text_or_none(value, "display_name"),
        slug(text, fallback=platform),
    )


def _items(value: Mapping[str, Any]) -> tuple[tuple[JobItem, ...], int]:
    listed = value.get("items")
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise BadSidecar("its items are not a list of objects")
    return tuple(map(_item, listed)), _whole(value, "item", at_least=0)


def _item(entry: Mapping[str, Any]) -> JobItem:
    try:
        role, kind = ItemRole(_text(entry, "role")), ItemType(_text(entry, "type"))
    except ValueError as exc:
        raise BadSidecar(f"it has an item that this mediavault does not know ({exc})") from exc
    item = Item(
        role=role,
        type=kind,
        media_id=_text_or_none(entry, "media_id"),
        label=_text_or_none(entry, "label"),
        chapters=tuple(_chapters(entry.get("chapters"))),
    )
    status = ItemStatus.WAITING if entry.get("saved") is True else ItemStatus.SKIPPED
    return JobItem(item, status, None, *_despite(entry.get("despite")))


def _despite(value: Any) -> tuple[ErrorCode | None, str | None]:
    match value:
        case {"code": str() as code, "reason": str() as reason, **rest} if (
            code in _DESPITE
            and len(reason) <= _MAX_REASON
            and is_utf8(reason)
            and "\0" not in reason
        ):
            params = rest.get("params")
            return ErrorCode(code), from_json(reason, params if isinstance(params, str) else None)
    return None, None


def _chapters(value: Any) -> Iterator[Chapter]:
    for entry in value[:_MAX_MARKS] if isinstance(value, list) else ():
        match entry:
            case [int() | float() as start_s, str() as title] if (
                0 <= start_s < 1e9 and is_utf8(title) and "\0" not in title
            ):
                yield Chapter(float(start_s), title)


def _items_v1(video: Mapping[str, Any]) -> tuple[tuple[JobItem, ...], int]:
    count = _whole(video, "of", at_least=1)
    if count > 1_000:
        raise BadSidecar(f"no post has {count} videos")
    return (JobItem(Item()),) * count, _whole(video, "number", at_least=1) - 1


def _saved(video: Mapping[str, Any], thumbnail: Any, path: str) -> SavedFile:
    stem = path.removesuffix(SIDECAR_SUFFIX)
    suffix = PurePosixPath(_text(video, "path")).suffix
    if not _SUFFIX.fullmatch(suffix):
        raise BadSidecar("it names no video file")
    picture = split_stem(thumbnail)[1] if isinstance(thumbnail, str) else ""
    return SavedFile(
        output_path=stem + suffix,
        thumbnail_path=stem + picture if _THUMBNAIL.fullmatch(picture) else None,
        bytes=_whole(video, "bytes", at_least=1, at_most=_MAX_BYTES),
        sha256=_text(video, "sha256", _SHA256),
        duration_s=_number_or_none(video, "duration_s"),
        width=_whole_or_none(video, "width"),
        height=_whole_or_none(video, "height"),
        beside=_beside(video.get("beside")),
    )


def _beside(value: Any) -> tuple[str, ...]:
    listed = value[:_MAX_BESIDE] if isinstance(value, list) else []
    return tuple(suffix for suffix in listed if isinstance(suffix, str) and is_beside(suffix))


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = value.get(name)
    if not isinstance(member, dict):
        raise BadSidecar(f"its {name} is not an object")
    return member


def _text(value: Mapping[str, Any], name: str, form: re.Pattern[str] | None = None) -> str:
    text = _text_or_none(value, name)
    if not text or "\0" in text or not is_utf8(text) or (form and not form.fullmatch(text)):
        raise BadSidecar(f"its {name} is missing or has a form that mediavault does not write")
    return text


def _text_or_none(value: Mapping[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is not None and not isinstance(text, str):
        raise BadSidecar(f"its {name} is not a text")
    return text


def _whole(value: Mapping[str, Any], name: str, *, at_least: int, at_most: int = _MAX_COUNT) -> int:
    number = value.get(name)
    if type(number) is not int or not at_least <= number <= at_most:
        raise BadSidecar(f"its {name} is not a number that makes sense")
    return number


def _whole_or_none(value: Mapping[str, Any], name: str) -> int | None:
    return None if value.get(name) is None else _whole(value, name, at_least=0)


def _number_or_none(value: Mapping[str, Any], name: str) -> float | None:
    number = value.get(name)
    if number is None:
        return None
    if type(number) not in (int, float) or not 0 <= number < 1e9:
        raise BadSidecar(f"its {name} is not a number that makes sense")
    return float(number)


def _moment(value: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value, name))
    except ValueError as exc:
        raise BadSidecar(f"its {name} is not a time") from exc
    if moment.tzinfo is None:
        raise BadSidecar(f"its {name} has no time zone")
    if not is_plausible(moment):
        raise BadSidecar(f"its {name} is not between 1970 and 2200")
    return moment
