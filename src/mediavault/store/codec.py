"""The composite values of a job as JSON text; every store uses the same form.

Fields with their default value are left out, and fields that this version does not know are
ignored, so that older and newer versions read each other's rows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.failures import StoreDamaged
from mediavault.core.job import JobItem
from mediavault.core.media import (
    Account,
    Candidate,
    LengthSource,
)
from mediavault.core.records import Record, RecordKind
from mediavault.core.site_limits import AccountPost
from mediavault.core.typed_records import named, to_named_json

T = TypeVar("T")
P = ParamSpec("P")


def decodes(read: Callable[P, T]) -> Callable[P, T]:
    """Make a function that reads rows raise StoreDamaged for one that no version of mediavault has
    written.
    """

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
    return (
        () if text == "[]" else tuple(AccountPost(job, from_micros(at)) for job, at in _loads(text))
    )


def candidates_to_json(candidates: Sequence[Candidate]) -> str:
    return _dumps([to_named_json(candidate) for candidate in candidates]) if candidates else "[]"


def candidates_from_json(text: str) -> tuple[Candidate, ...]:
    if text == "[]":  # so in most queued jobs: not worth parsing
        return ()
    return tuple(named(Candidate, item) for item in _loads(text))


def items_to_json(items: Sequence[JobItem]) -> str:
    return _dumps([_item_to_dict(item) for item in items]) if items else "[]"


def items_from_json(text: str) -> tuple[JobItem, ...]:
    return () if text == "[]" else tuple(_item_from_dict(item) for item in _loads(text))


def texts_to_json(texts: Sequence[str]) -> str:
    return _dumps(list(texts)) if texts else "[]"


def texts_from_json(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(_loads(text))


def chosen_to_text(urls: Sequence[str]) -> str | None:
    """Return the URLs that a user chose: one as it is,
    as versions that knew only one write it, several as a JSON list.
    """
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
    return None if account is None else _dumps(to_named_json(account))


def account_from_json(text: str | None) -> Account | None:
    return None if text is None else named(Account, _loads(text))


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
    """Return ``text`` without lone surrogates and NUL, which databases refuse: a failure's text
    must never be the reason why the failure cannot be stored.
    """
    if text.isascii() and "\0" not in text:
        return text
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    return text if clean == text else clean  # unchanged, so that a Message stays one


def storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _item_to_dict(job_item: JobItem) -> dict[str, Any]:
    """Return the fields of both records in one object, as all versions write them."""
    outcome = to_named_json(job_item)
    item = outcome.pop("item")
    item.pop("candidates", None)  # they are in the job's list
    if "expected" in item:
        item["expected"]["length_source"] = job_item.item.expected.length_source
    if job_item.error is not None:
        outcome["error"] = storable(job_item.error)
    return {
        "role": job_item.item.role,
        "type": job_item.item.type,
        "status": job_item.status,
        **item,
        **outcome,
    }


def _item_from_dict(known: Mapping[str, Any]) -> JobItem:
    for always_written in ("role", "type", "status"):
        known[always_written]  # KeyError: this row was damaged
    if "expected" in known:
        # Versions that did not write where a length comes from also stored what players measured:
        # any page says it better.
        known = {**known, "expected": {"length_source": LengthSource.LISTED, **known["expected"]}}
    return named(JobItem, {**known, "item": known})


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _loads(text: str) -> Any:
    """Parse JSON.

    Half of a surrogate pair, as in a title that a site cut, becomes "?", since no response could
    hold it.
    """
    loaded = json.loads(text)
    return _encodable(loaded) if "\\ud" in text else loaded


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(name): _encodable(member) for name, member in value.items()}
    return [_encodable(member) for member in value] if isinstance(value, list) else value
