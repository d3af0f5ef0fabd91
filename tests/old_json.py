"""How versions before the generic JSON wrote and read what is stored:
tests compare it with what is written and read now.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from typing import Any

from mediavault.core import messages
from mediavault.core.failures import ErrorCode
from mediavault.core.fingerprints import Fingerprint
from mediavault.core.job import ItemStatus, JobItem
from mediavault.core.media import (
    Account,
    Candidate,
    Chapter,
    Comment,
    Expected,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    LengthSource,
    Ownership,
    SavedFile,
    Sign,
    SourceType,
    SubtitleSource,
    Watermark,
)
from mediavault.core.profiles import Profile
from mediavault.core.records import CheckVerdict, FileCheck

_FROM_JSON: Mapping[str, Any] = {
    "source_type": SourceType,
    "found_in": FoundIn,
    "ownership": Ownership,
    "evidence": lambda names: tuple(map(Sign, names)),
    "watermark": Watermark,
    "expires_at": datetime.fromisoformat,
}
_FILE = fields(JobItem)[2].name  # renamed between versions


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for field in fields(Candidate):
        value = getattr(candidate, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default:
            to_json: Any = {
                "expires_at": datetime.isoformat,
                "headers": dict,
                "evidence": list,
            }.get(field.name)
            written[field.name] = to_json(value) if to_json else value
    return written


def candidate_from_json(known: Mapping[str, Any]) -> Candidate:
    return Candidate(
        **{name: _FROM_JSON.get(name, lambda same: same)(value) for name, value in known.items()}
    )


def account_to_json(account: Account) -> dict[str, Any]:
    return {name: value for name, value in asdict(account).items() if value is not None}


def item_to_json(job_item: JobItem) -> dict[str, Any]:
    item, expected, saved = job_item.item, job_item.item.expected, getattr(job_item, _FILE)
    written = {
        "role": item.role,
        "type": item.type,
        "status": job_item.status,
        "media_id": item.media_id,
        "thumbnail_url": item.thumbnail_url,
        "label": item.label,
        "subtitles": [[one.url, one.language, one.automatic] for one in item.subtitles] or None,
        "chapters": [[chapter.start_s, chapter.title] for chapter in item.chapters] or None,
        "expected": {name: value for name, value in asdict(expected).items() if value is not None}
        if expected != Expected()
        else None,
        _FILE: {name: value for name, value in asdict(saved).items() if value not in (None, ())}
        if saved
        else None,
        "error_code": job_item.error_code,
        "error": job_item.error,
        "error_params": job_item.error and messages.to_json(job_item.error),
    }
    return {name: value for name, value in written.items() if value is not None}


def item_from_json(known: Mapping[str, Any]) -> JobItem:
    saved: Mapping[str, Any] = known.get(_FILE) or {}
    code, expected = known.get("error_code"), known.get("expected")
    file = {
        **dict.fromkeys(field.name for field in fields(SavedFile)),
        **saved,
        "beside": tuple(saved.get("beside", ())),
    }
    return JobItem(
        Item(
            role=ItemRole(known["role"]),
            type=ItemType(known["type"]),
            media_id=known.get("media_id"),
            thumbnail_url=known.get("thumbnail_url"),
            label=known.get("label"),
            subtitles=tuple(SubtitleSource(*one) for one in known.get("subtitles") or ()),
            chapters=tuple(Chapter(*one) for one in known.get("chapters") or ()),
            expected=Expected()
            if expected is None
            else Expected(
                expected.get("duration_s"),
                expected.get("audio"),
                expected.get("size"),
                LengthSource(expected.get("length_source", LengthSource.LISTED)),
            ),
        ),
        ItemStatus(known["status"]),
        SavedFile(**file) if saved else None,
        ErrorCode(code) if code else None,
        messages.from_json(known["error"], known.get("error_params")) if "error" in known else None,
    )


def check_to_json(check: FileCheck) -> dict[str, Any]:
    return {
        "at": check.at.isoformat(),
        "verdict": check.verdict,
        "detail": check.detail,
        "detail_params": messages.to_json(check.detail),
    }


def check_from_json(known: Mapping[str, Any]) -> FileCheck:
    detail = messages.from_json(str(known["detail"]), known.get("detail_params"))
    return FileCheck(datetime.fromisoformat(known["at"]), CheckVerdict(known["verdict"]), detail)


def profile_to_json(profile: Profile) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(profile).items()
    }


def fingerprint_to_json(video: Fingerprint) -> dict[str, Any]:
    return {
        "sha256": video.sha256,
        "duration_s": video.duration_s,
        "frames": b64encode(video.frames).decode("ascii"),
    }


def comment_to_json(comment: Comment) -> dict[str, Any]:
    return {**asdict(comment), "at": comment.at.isoformat() if comment.at else None}
