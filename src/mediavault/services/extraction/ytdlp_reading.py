"""Turns yt-dlp's answer into an extraction: whose the videos are, what the post says, or why there is nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.failures import Drm, ExtractorBroken, Failure, LiveNow, NoVideo, ToolMissing, Upcoming
from mediavault.core.installation import command_to_install
from mediavault.core.media import Account, Candidate, Expected, Extraction, FoundIn, Item, Ownership, Post, account
from mediavault.core.messages import Message
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node
from mediavault.services.extraction.ytdlp_cookies import cookies_of
from mediavault.services.extraction.ytdlp_failures import failure_of, missing_part
from mediavault.services.extraction.ytdlp_formats import candidates_of, has_sound_only, user_agent_of

MAX_TITLE_CHARS = 300


def read_answer(
    answer: Mapping[str, Any], post: Post, platform: Platform, site: YtdlpRules, *, now: datetime
) -> Extraction:
    """Return what the worker's ``answer`` says about ``post``.

    Raises the failure that yt-dlp reported, LiveNow, Upcoming, Drm, NoVideo, ToolMissing, and ExtractorBroken where it found
    several videos and cannot tell which of them are the post's.
    """
    if answer.get("missing"):
        raise ToolMissing(
            "yt-dlp is not installed.", help=Message("Run: %(install)s", install=command_to_install("youtube"))
        )
    info = values.obj(answer.get("info"))
    entries = _entries(info)
    warnings = [str(line) for line in values.items(answer.get("warnings"))]
    failures = _failures(answer, warnings, platform, is_list=_is_list(info))
    if not entries:
        raise next(iter(failures), None) or missing_part(warnings) or NoVideo("No video found in this post.")
    if failures and site.owns_list:  # one of a carousel is missing
        raise failures[0]
    for entry in entries:
        _refuse_live(entry)
    found_in = FoundIn.META if platform.name == "generic" else FoundIn.API
    seen = [(entry, candidates_of(entry, platform, found_in)) for entry in entries]
    shown = [(entry, candidates) for entry, candidates in seen if candidates]
    if not shown:
        raise _no_candidates(entries, warnings)
    items, others = _sort_out(shown, post, platform, site, is_list=_is_list(info))
    read = _extraction(info, entries, items, others, post, platform, site, answer)
    return replace(read, cookies=cookies_of(entries, now=now))


# --- entries ---------------------------------------------------------------------------------------------------


def _is_list(info: Node) -> bool:
    return bool(info.get("_type", "video") != "video")


def _entries(info: Node, depth: int = 0) -> list[Node]:
    """Return the videos of an answer in order, without those that could not be read."""
    if not _is_list(info):
        return [info] if info.get("formats") else []
    if depth > 3:
        return []
    return [video for entry in values.objects(info.get("entries")) for video in _entries(entry, depth + 1)]


def _failures(
    answer: Mapping[str, Any], warnings: Sequence[str], platform: Platform, *, is_list: bool
) -> list[Failure]:
    """Return what went wrong, without errors that only say that one of several media is not a video."""
    errors = values.objects(answer.get("errors"))
    fatal = [error for error in errors if not (is_list and _NO_FORMATS in str(error.get("message")).lower())]
    failures = [failure_of(error, warnings, platform) for error in fatal]
    return [failure for failure in failures if not isinstance(failure, NoVideo)]


_NO_FORMATS = "no video formats found"  # what yt-dlp says of a photo among videos


def _refuse_live(entry: Node) -> None:
    """Raise Upcoming for what has not begun or has no recording yet, LiveNow for what has not ended."""
    status = entry.get("live_status")
    if status == "is_upcoming":
        raise Upcoming("It has not been published yet.", starts_at=values.moment(entry.get("release_timestamp")))
    if entry.get("is_live") is True or status == "is_live":
        raise LiveNow("This is a live broadcast, of which there is no whole recording yet.")
    if status == "post_live":
        raise Upcoming("The broadcast has ended, and its recording is not ready yet.")


def _no_candidates(entries: Sequence[Node], warnings: Sequence[str]) -> Failure:
    if any(entry.get("_has_drm") is True for entry in entries):
        return Drm("The post's video is copy-protected.")
    if all(has_sound_only(entry) for entry in entries):
        return missing_part(warnings) or NoVideo("The post has audio but no video.")
    return missing_part(warnings) or ExtractorBroken("yt-dlp found no downloadable URL for the video.")


# --- whose -----------------------------------------------------------------------------------------------------

_Shown = Sequence[tuple[Node, tuple[Candidate, ...]]]


def _sort_out(
    shown: _Shown, post: Post, platform: Platform, site: YtdlpRules, *, is_list: bool
) -> tuple[tuple[Item, ...], tuple[Candidate, ...]]:
    """Return the post's items, and candidates that may be another post's."""
    if platform.name == "generic":
        level = Ownership.LONE if len(shown) == 1 else None
    elif is_list and len(shown) > 1 and not site.owns_list:
        raise ExtractorBroken("yt-dlp found several videos and cannot tell the post's own from a quoted post's.")
    else:
        level = None if site.mixes_single else Ownership.ID_MATCH
    items: list[Item] = []
    others: list[Candidate] = []
    for entry, candidates in shown:
        if level is not None and (is_list or level is Ownership.LONE or _names(entry, post, site)):
            items.append(_item(entry, tuple(replace(c, ownership=level) for c in candidates)))
        else:
            others += candidates
    return tuple(items), tuple(others)


def _names(entry: Node, post: Post, site: YtdlpRules) -> bool:
    """Whether an entry is about the requested post, and not one that it led to."""
    if post.post_id is None:
        return True
    named = [str(entry.get(name) or "") for name in ("id", "display_id")]
    if not site.by_id_only and (address := values.url(entry.get("webpage_url"))):
        named += re.split(r"[/?&=,;_]", address)
    return any(name == post.post_id or name.startswith(f"{post.post_id}_") for name in named)


def _item(entry: Node, candidates: tuple[Candidate, ...]) -> Item:
    heard = any(c.has_audio or c.audio_url for c in candidates)
    return Item(
        candidates=candidates,
        media_id=values.text(entry.get("id")),
        thumbnail_url=values.url(entry.get("thumbnail")),
        expected=Expected(duration_s=values.number(entry.get("duration")), audio=True if heard else None),
    )


# --- the post --------------------------------------------------------------------------------------------------


def _extraction(
    info: Node,
    entries: Sequence[Node],
    items: tuple[Item, ...],
    others: tuple[Candidate, ...],
    post: Post,
    platform: Platform,
    site: YtdlpRules,
    answer: Mapping[str, Any],
) -> Extraction:
    info_fields = {**{name: value for name, value in entries[0].items() if value is not None}, **_list_fields(info)}
    who = _account(info_fields, post, platform, site)
    agent = user_agent_of(entries[0])
    return Extraction(
        post=replace(post, handle=post.handle or who.handle),
        final_url=values.url(info_fields.get("webpage_url")) or post.url,
        account=who,
        items=items,
        others=others,
        title=_title(info_fields, platform),
        text=values.text(info_fields.get("description")),
        published_at=_published(info_fields),
        thumbnail_url=values.url(info_fields.get("thumbnail")) or next((i.thumbnail_url for i in items), None),
        user_agent=agent,
        metadata={
            "ytdlp_version": values.text(answer.get("version")),
            "ytdlp_extractor": values.text(info_fields.get("extractor")),
        },
    )


def _title(info_fields: Mapping[str, Any], platform: Platform) -> str | None:
    """Return the title without yt-dlp's number, which it gives to a page's player even where there is only one."""
    title = (values.text(info_fields.get("title")) or "")[:MAX_TITLE_CHARS]
    return (title.removesuffix(" (1)") if platform.name == "generic" else title) or None


def _list_fields(info: Node) -> dict[str, Any]:
    """Return a list's own fields, which take precedence over those of its first entry."""
    names = ("title", "description", "timestamp", "uploader", "uploader_id", "channel", "webpage_url", "thumbnail")
    return {name: info[name] for name in names if info.get(name) is not None} if _is_list(info) else {}


def _account(info_fields: Mapping[str, Any], post: Post, platform: Platform, site: YtdlpRules) -> Account:
    handle = values.text(info_fields.get(site.handle)) if site.handle else None
    handle = handle if handle is not None and _HANDLE.fullmatch(handle) else None
    name = values.text(info_fields.get(site.display_name)) if site.display_name else None
    host = urlsplit(values.url(info_fields.get("webpage_url")) or post.url).hostname
    return account(platform.name, post.handle or handle, name, fallback=host)


_HANDLE = re.compile(r"@?[\w.:-]{1,80}")


def _published(info_fields: Mapping[str, Any]) -> datetime | None:
    for name in ("timestamp", "release_timestamp"):
        if moment := values.moment(info_fields.get(name)):
            return moment
    try:
        return datetime.strptime(str(info_fields.get("upload_date")), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
