"""The composite values of a job as JSON text; every store uses the same form.

Fields with their default value are left out, and fields that this version does not know are ignored, so that older and
newer versions read each other's rows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.evidence import Sign
from mediavault.core.failures import ErrorCode, StoreDamaged
from mediavault.core.job import ItemStatus, JobItem
from mediavault.core.media import (
    Account,
    Candidate,
    Chapter,
    Expected,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    LengthSource,
    Ownership,
    SavedFile,
    SourceType,
    SubtitleSource,
    Watermark,
)
from mediavault.core.messages import from_json, to_json
from mediavault.core.records import Record, RecordKind
from mediavault.core.site_limits import AccountPost

T = TypeVar("T")
P = ParamSpec("P")
_ALWAYS = object()
_DEFAULTS: Mapping[str, Any] = {
    field.name: (
        field.default
        if field.default is not MISSING
        else field.default_factory()
        if field.default_factory is not MISSING
        else _ALWAYS
    )
    for field in fields(Candidate)
}
_TO_JSON: Mapping[str, Callable[[Any], Any]] = {"expires_at": datetime.isoformat, "headers": dict, "evidence": list}
_FROM_JSON: Mapping[str, Callable[[Any], Any]] = {
    "source_type": SourceType,
    "found_in": FoundIn,
    "ownership": Ownership,
    "evidence": lambda names: tuple(map(Sign, names)),
    "watermark": Watermark,
    "expires_at": datetime.fromisoformat,
}


def decodes(read: Callable[P, T]) -> Callable[P, T]:
    """Make a function that reads rows raise StoreDamaged for one that no version of mediavault has written."""

    @functools.wraps(read)
    def reading(*args: P.args, **options: P.kwargs) -> T:
        try:
            return read(*args, **options)
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            raise StoreDamaged("The database is damaged: a row of it cannot be read.") from exc

    return reading


def account_posts_to_json(posts: Sequence[AccountPost]) -> str:
    return _dumps([[post.job, to_micros(post.at)] for post in posts]) if posts else "[]"


def account_posts_from_json(text: str) -> tuple[AccountPost, ...]:
    return () if text == "[]" else tuple(AccountPost(job, from_micros(at)) for job, at in _loads(text))


def candidates_to_json(candidates: Sequence[Candidate]) -> str:
    return _dumps([_candidate_to_dict(candidate) for candidate in candidates]) if candidates else "[]"


def candidates_from_json(text: str) -> tuple[Candidate, ...]:
    if text == "[]":  # so in most queued jobs: not worth parsing
        return ()
    return tuple(_candidate_from_dict(item) for item in _loads(text))


def items_to_json(items: Sequence[JobItem]) -> str:
    return _dumps([_item_to_dict(item) for item in items]) if items else "[]"


def items_from_json(text: str) -> tuple[JobItem, ...]:
    return () if text == "[]" else tuple(_item_from_dict(item) for item in _loads(text))


def texts_to_json(texts: Sequence[str]) -> str:
    return _dumps(list(texts)) if texts else "[]"


def texts_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(_loads(text))


def chosen_to_text(urls: Sequence[str]) -> str | None:
    """Return the URLs that a user chose: one as it is, as versions that knew only one write it, several as a JSON list."""
    if len(urls) == 1 and not urls[0].startswith("["):
        return storable(urls[0])
    return _dumps([storable(url) for url in urls]) if urls else None


def chosen_from_text(text: str | None) -> tuple[str, ...]:
    """Return the URLs of such a text."""
    if text is None:
        return ()
    return tuple(_loads(text)) if text.startswith("[") else (text,)


def metadata_to_json(metadata: Mapping[str, Any]) -> str:
    """Return the metadata as JSON text. Raises TypeError for a value that JSON cannot hold."""
    return _dumps(dict(metadata)) if metadata else "{}"


def metadata_from_json(text: str) -> dict[str, Any]:
    """Return the metadata of a JSON text. Raises ValueError for anything but a JSON object."""
    loaded = {} if text == "{}" else _loads(text)
    if not isinstance(loaded, dict):
        raise ValueError("The metadata is not a JSON object.")
    return loaded


def account_to_json(account: Account | None) -> str | None:
    if account is None:
        return None
    return _dumps({name: value for name in _ACCOUNT_FIELDS if (value := getattr(account, name)) is not None})


def account_from_json(text: str | None) -> Account | None:
    if text is None:
        return None
    known = _loads(text)
    return Account(**{name: known.get(name) for name in _ACCOUNT_FIELDS})


_ACCOUNT_FIELDS = tuple(field.name for field in fields(Account))


def record_to_json(value: Mapping[str, Any]) -> str:
    """Return the same text for equal values, so that texts can be compared.

    Raises TypeError for what JSON cannot hold.
    """
    return json.dumps(dict(value), separators=(",", ":"), sort_keys=True)


@decodes
def record_from_row(row: Sequence[Any]) -> Record:
    """Return the record of a row: kind, key, value, and both times in microseconds."""
    kind, key, value, updated_at, expires_at = row
    ends = None if expires_at is None else from_micros(expires_at)
    return Record(RecordKind(kind), key, json.loads(value), from_micros(updated_at), ends)


@decodes
def record_from_json(text: str) -> dict[str, Any]:
    """Invert :func:`record_to_json`."""
    value: dict[str, Any] = json.loads(text)
    return value


def storable(text: str) -> str:
    """Return ``text`` without lone surrogates and NUL, which databases refuse: a failure's text must never be the
    reason why the failure cannot be stored."""
    if text.isascii() and "\0" not in text:
        return text
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    return text if clean == text else clean  # unchanged, so that a Message stays one


def storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _item_to_dict(job_item: JobItem) -> dict[str, Any]:
    item, expected = job_item.item, job_item.item.expected
    kept = job_item.kept
    written = {
        "role": item.role,
        "type": item.type,
        "status": job_item.status,
        "media_id": item.media_id,
        "thumbnail_url": item.thumbnail_url,
        "label": item.label,
        "subtitles": [[subtitle.url, subtitle.language, subtitle.automatic] for subtitle in item.subtitles] or None,
        "chapters": [[chapter.start_s, chapter.title] for chapter in item.chapters] or None,
        "expected": {n: v for n in _EXPECTED_FIELDS if (v := getattr(expected, n)) is not None}
        if expected != Expected()
        else None,
        "kept": {n: v for n in _KEPT_FIELDS if (v := getattr(kept, n)) not in (None, ())} if kept else None,
        "error_code": job_item.error_code,
        "error": storable_or_none(job_item.error),
        "error_params": job_item.error and to_json(job_item.error),
    }
    return {name: value for name, value in written.items() if value is not None}


def _item_from_dict(known: Mapping[str, Any]) -> JobItem:
    kept: Mapping[str, Any] = known.get("kept") or {}
    code = known.get("error_code")
    return JobItem(
        item=Item(
            role=ItemRole(known["role"]),
            type=ItemType(known["type"]),
            media_id=known.get("media_id"),
            thumbnail_url=known.get("thumbnail_url"),
            label=known.get("label"),
            subtitles=tuple(
                SubtitleSource(str(url), str(language), bool(automatic))
                for url, language, automatic in known.get("subtitles") or ()
            ),
            chapters=tuple(Chapter(float(start_s), str(title)) for start_s, title in known.get("chapters") or ()),
            expected=_expected_from_dict(known["expected"]) if "expected" in known else Expected(),
        ),
        status=ItemStatus(known["status"]),
        kept=SavedFile(**{**dict.fromkeys(_KEPT_FIELDS), **kept, "beside": tuple(kept.get("beside", ()))})
        if kept
        else None,
        error_code=ErrorCode(code) if code else None,
        error=from_json(known["error"], known.get("error_params")) if "error" in known else None,
    )


def _expected_from_dict(known: Mapping[str, Any]) -> Expected:
    # Versions that did not write where a length comes from also stored what players measured: any page says it better.
    source = LengthSource(known.get("length_source", LengthSource.LISTED))
    return Expected(known.get("duration_s"), known.get("audio"), known.get("size"), source)


_EXPECTED_FIELDS = tuple(field.name for field in fields(Expected))
_KEPT_FIELDS = tuple(field.name for field in fields(SavedFile))


def _candidate_to_dict(candidate: Candidate) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(candidate, name)
        if value != default:
            to_json = _TO_JSON.get(name)
            written[name] = to_json(value) if to_json else value
    return written


def _candidate_from_dict(item: Mapping[str, Any]) -> Candidate:
    known: dict[str, Any] = {}
    for name, value in item.items():
        if name in _DEFAULTS:
            from_json = _FROM_JSON.get(name)
            known[name] = from_json(value) if from_json else value
    return Candidate(**known)


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _loads(text: str) -> Any:
    """Parse JSON.

    Half of a surrogate pair, as in a title that a site cut, becomes "?", since no response could hold it.
    """
    loaded = json.loads(text)
    return _encodable(loaded) if "\\ud" in text else loaded


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(name): _encodable(member) for name, member in value.items()}
    return [_encodable(member) for member in value] if isinstance(value, list) else value
