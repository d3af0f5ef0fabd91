"""Turns yt-dlp's answer into an extraction: whose the videos are, what the post says,
or why there is nothing. Pure.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.clock import is_plausible
from mediavault.core.failures import (
    Drm,
    ExtractorBroken,
    Failure,
    ToolMissing,
    Unsupported,
    Upcoming,
)
from mediavault.core.installation import command_to_install
from mediavault.core.listings import Entry, EntryKind, Listing
from mediavault.core.media import (
    LANGUAGE,
    LANGUAGE_TAG,
    Account,
    Candidate,
    Chapter,
    Comment,
    Expected,
    Extraction,
    FoundIn,
    Item,
    ItemType,
    LengthSource,
    LiveNow,
    NoVideo,
    OnlySound,
    Ownership,
    Post,
    SourceType,
    SubtitleSource,
    account,
)
from mediavault.core.messages import Message
from mediavault.core.platform import ListRules, Platform, YtdlpRules
from mediavault.core.post_urls import find_post
from mediavault.core.recordings import BEGAN_AT
from mediavault.extraction.candidates import Sighting
from mediavault.extraction.evidence import evidence, is_own, page_facts
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node
from mediavault.extraction.ytdlp_failures import failure_of, missing_part
from mediavault.extraction.ytdlp_formats import (
    candidates_of,
    cookies_of,
    has_sound_only,
    user_agent_of,
)
from mediavault.extraction.ytdlp_listing import MAX_DESCRIPTION_CHARS, MAX_ENTRIES

MAX_TITLE_CHARS = 300
MAX_CHAPTERS = 500
MAX_SUBTITLES = 100  # languages
MAX_COMMENTS = 1_000
MAX_COMMENT_CHARS = 10_000
MAX_ID_CHARS = 200


def read_answer(
    answer: Mapping[str, Any], post: Post, platform: Platform, site: YtdlpRules, *, now: datetime
) -> Extraction:
    """Return what the worker's ``answer`` says about ``post``.

    Raises the failure that yt-dlp reported, LiveNow, Upcoming, Drm, NoVideo, ToolMissing, and
    ExtractorBroken where it found several videos and cannot tell which of them are the post's.
    """
    require_installed(answer)
    info = values.obj(answer.get("info"))
    entries = _entries(info)
    warnings = [str(line) for line in values.items(answer.get("warnings"))]
    failures = _failures(answer, warnings, platform, is_list=_is_list(info))
    if not entries:
        raise (
            next(iter(failures), None)
            or missing_part(warnings)
            or NoVideo("No video found in this post.")
        )
    if failures and site.owns_list:  # one of a carousel is missing
        raise failures[0]
    live = next(filter(None, map(_live, entries)), None)
    found_in = FoundIn.META if platform.name == "generic" else FoundIn.API
    seen = [(entry, candidates_of(entry, platform, found_in)) for entry in entries]
    shown = [
        (entry, found) for entry, found in seen if any(c.has_video is not False for c in found)
    ]
    heard = [(entry, found) for entry, found in seen if found] if not shown else []
    try:
        items, others = _sort_out(shown or heard, post, platform, site, is_list=_is_list(info))
    except ExtractorBroken:
        if live is not None:
            raise live from None
        raise
    read = _extraction(info, entries, items, others, post, platform, site, answer)
    read = replace(read, cookies=cookies_of(entries, now=now))
    if live is not None:
        live.instead = _running(read, entries[0])
        raise live
    if not shown:
        failure = _no_candidates(entries, warnings)
        if heard and isinstance(failure, NoVideo):
            failure.instead = replace(
                read, items=tuple(replace(item, type=ItemType.AUDIO) for item in items), others=()
            )
        raise failure
    return read


def require_installed(answer: Mapping[str, Any]) -> None:
    """Raise ToolMissing for the answer of a child that found no yt-dlp."""
    if answer.get("missing"):
        raise ToolMissing(
            "yt-dlp is not installed.",
            help=Message("Run: %(install)s", install=command_to_install("youtube")),
        )


# --- entries --------------------------------------------------------------------------------------


def _is_list(info: Node) -> bool:
    return bool(info.get("_type", "video") != "video")


def _entries(info: Node, depth: int = 0) -> list[Node]:
    """Return the videos of an answer in order, without those that could not be read."""
    if not _is_list(info):
        return [info] if info.get("formats") else []
    if depth > 3:
        return []
    return [
        video
        for entry in values.objects(info.get("entries"))
        for video in _entries(entry, depth + 1)
    ]


def _failures(
    answer: Mapping[str, Any], warnings: Sequence[str], platform: Platform, *, is_list: bool
) -> list[Failure]:
    """Return what went wrong, without errors that only say that one of several media is not a
    video.
    """
    errors = values.objects(answer.get("errors"))
    fatal = [
        error
        for error in errors
        if not (is_list and _NO_FORMATS in str(error.get("message")).lower())
    ]
    failures = [failure_of(error, warnings, platform) for error in fatal]
    return [failure for failure in failures if not isinstance(failure, NoVideo)]


_NO_FORMATS = "no video formats found"  # what yt-dlp says of a photo among videos


def _live(entry: Node) -> LiveNow | None:
    """Return the failure for what has not ended. Raises Upcoming for what has not begun or has no
    recording yet.
    """
    status = entry.get("live_status")
    if status == "is_upcoming":
        raise Upcoming(
            "It has not been published yet.",
            starts_at=values.moment(entry.get("release_timestamp")),
        )
    if entry.get("is_live") is True or status == "is_live":
        return LiveNow("This is a live broadcast, of which there is no whole recording yet.")
    if status == "post_live":
        raise Upcoming("The broadcast has ended, and its recording is not ready yet.")
    return None


def _running(read: Extraction, entry: Node) -> Extraction | None:
    """Return what can be recorded of a running stream: its HLS playlists.
    Its length says nothing yet.
    """
    items = []
    for item in read.items:
        streams = tuple(
            replace(c, duration_s=None) for c in item.candidates if c.source_type is SourceType.HLS
        )
        if streams:
            items.append(
                replace(item, candidates=streams, expected=replace(item.expected, duration_s=None))
            )
    began = values.moment(entry.get("release_timestamp"))
    facts = {BEGAN_AT: began.isoformat()} if began is not None else {}
    return (
        replace(read, items=tuple(items), others=(), metadata={**read.metadata, **facts})
        if items
        else None
    )


def _no_candidates(entries: Sequence[Node], warnings: Sequence[str]) -> Failure:
    if any(entry.get("_has_drm") is True for entry in entries):
        return Drm("The post's video is copy-protected.")
    if all(has_sound_only(entry) for entry in entries):
        return missing_part(warnings) or OnlySound("The post has sound, but no video.")
    return missing_part(warnings) or ExtractorBroken(
        "yt-dlp found no downloadable URL for the video."
    )


# --- whose ----------------------------------------------------------------------------------------

_Shown = Sequence[tuple[Node, tuple[Candidate, ...]]]


def _sort_out(
    shown: _Shown, post: Post, platform: Platform, site: YtdlpRules, *, is_list: bool
) -> tuple[tuple[Item, ...], tuple[Candidate, ...]]:
    """Return the post's items, and candidates that may be another post's."""
    if platform.name == "generic":
        shown = [(entry, _with_evidence(entry, candidates, post)) for entry, candidates in shown]
        level = Ownership.LONE if len(shown) == 1 and _is_sure(shown[0][1]) else None
    elif is_list and len(shown) > 1 and not site.owns_list:
        raise ExtractorBroken(
            "yt-dlp found several videos and cannot tell the post's own from a quoted post's."
        )
    else:
        level = None if site.mixes_single else Ownership.ID_MATCH
    # of a page that it does not know, yt-dlp may have read the length anywhere, also from the
    # file's own manifest
    source = LengthSource.LISTED if platform.name == "generic" else LengthSource.RECORD
    items: list[Item] = []
    others: list[Candidate] = []
    for entry, candidates in shown:
        if level is not None and (is_list or level is Ownership.LONE or _names(entry, post, site)):
            items.append(
                _item(entry, tuple(replace(c, ownership=level) for c in candidates), source)
            )
        else:
            others += [c for c in candidates if c.has_video is not False]
    return tuple(items), tuple(others)


# Extractors of yt-dlp that search pages of any site for a player, and know nothing of the site
_OF_ANY_SITE = frozenset(
    {
        "Generic",
        "HTML5MediaEmbed",
        "ElementorEmbed",
        "PlyrEmbed",
        "QuotedHTML",
        "WordpressPlaylistEmbed",
    }
)


def _with_evidence(
    entry: Node, candidates: tuple[Candidate, ...], post: Post
) -> tuple[Candidate, ...]:
    """Add the evidence to what yt-dlp found on a page of a site that it does not know:
    that may be an advert's.
    """
    if entry.get("extractor_key") not in _OF_ANY_SITE:
        return candidates
    page = page_facts(
        post.url, titles=(), pictures=(), length_s=None, marks_main=False, is_about_video=False
    )
    signs = evidence(Sighting(candidates, media_id=values.text(entry.get("id"))), page)
    return tuple(replace(candidate, evidence=signs) for candidate in candidates)


def _is_sure(candidates: tuple[Candidate, ...]) -> bool:
    return all(not candidate.evidence or is_own(candidate.evidence) for candidate in candidates)


def _names(entry: Node, post: Post, site: YtdlpRules) -> bool:
    """Whether an entry is about the requested post, and not one that it led to."""
    if post.post_id is None:
        return True
    named = [str(entry.get(name) or "") for name in ("id", "display_id")]
    if not site.by_id_only and (address := values.url(entry.get("webpage_url"))):
        named += re.split(r"[/?&=,;_]", address)
    return any(name == post.post_id or name.startswith(f"{post.post_id}_") for name in named)


def _item(entry: Node, candidates: tuple[Candidate, ...], source: LengthSource) -> Item:
    heard = any(c.has_audio or c.audio_url for c in candidates)
    seconds = values.number(entry.get("duration"))
    return Item(
        candidates=candidates,
        media_id=values.text(entry.get("id")),
        thumbnail_url=values.url(entry.get("thumbnail")),
        expected=Expected(duration_s=seconds, audio=True if heard else None, length_source=source),
        chapters=chapters_of(entry),
        subtitles=_subtitles(entry),
    )


def comments_of(entry: Node) -> tuple[Comment, ...]:
    """Return the comments in the site's order; those without words are left out."""
    found = []
    for comment in values.objects(entry.get("comments"))[:MAX_COMMENTS]:
        words = values.text(comment.get("text"))
        if words is not None:
            parent = values.text(comment.get("parent"))
            found.append(
                Comment(
                    id=(values.text(comment.get("id")) or "")[:MAX_ID_CHARS],
                    parent=None if parent in (None, "root") else parent[:MAX_ID_CHARS],
                    author=(values.text(comment.get("author")) or "")[:MAX_TITLE_CHARS],
                    text=words[:MAX_COMMENT_CHARS],
                    at=values.moment(comment.get("timestamp")),
                    likes=values.integer(comment.get("like_count")) or 0,
                    by_author=comment.get("author_is_uploader") is True,
                    is_pinned=comment.get("is_pinned") is True,
                )
            )
    return tuple(found)


_READABLE = ("vtt", "srt", "json3")  # forms of subtitles that core.webvtt reads, best first
_READABLE_AUTOMATIC = ("json3", "vtt", "srt")  # the first has each line of scrolling captions once
# the mark of captions in the video's own language, among the translations into a hundred others
_ORIGINAL = "-orig"


def _subtitles(entry: Node) -> tuple[SubtitleSource, ...]:
    """Return the subtitles that people wrote, then the captions that a machine wrote in the video's
    own language.
    """
    found = list(_texts(values.obj(entry.get("subtitles")), _READABLE, automatic=False))
    captions = values.obj(entry.get("automatic_captions"))
    own = {name: texts for name, texts in captions.items() if name.endswith(_ORIGINAL)}
    language = values.text(entry.get("language")) or ""
    if not own and language in captions:
        own = {language: captions[language]}
    return (
        *found,
        *_texts(
            own or (captions if len(captions) == 1 else {}), _READABLE_AUTOMATIC, automatic=True
        ),
    )


def _texts(
    offered: Mapping[str, Any], forms: Sequence[str], *, automatic: bool
) -> Iterator[SubtitleSource]:
    for name, texts in itertools.islice(offered.items(), MAX_SUBTITLES):
        by_form = {
            text.get("ext"): values.url(text.get("url")) for text in reversed(values.objects(texts))
        }
        address = next((by_form[form] for form in forms if by_form.get(form)), None)
        source = SubtitleSource(address or "", str(name).removesuffix(_ORIGINAL), automatic)
        if address is not None and source.language:
            yield source


def chapters_of(entry: Node) -> tuple[Chapter, ...]:
    """Return the video's chapters, by their start; those without a title are numbered."""
    found: dict[float, Chapter] = {}
    for number, chapter in enumerate(values.objects(entry.get("chapters"))[:MAX_CHAPTERS], 1):
        start_s = (
            0.0 if chapter.get("start_time") == 0 else values.number(chapter.get("start_time"))
        )
        if start_s is not None:
            title = (values.text(chapter.get("title")) or str(number))[:MAX_TITLE_CHARS]
            found.setdefault(start_s, Chapter(start_s, title))
    return tuple(found[start_s] for start_s in sorted(found))


# --- the post -------------------------------------------------------------------------------------


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
    info_fields = {
        **{name: value for name, value in entries[0].items() if value is not None},
        **_list_fields(info),
    }
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
        thumbnail_url=values.url(info_fields.get("thumbnail"))
        or next((i.thumbnail_url for i in items), None),
        user_agent=agent,
        comments=comments_of(entries[0]),
        metadata={
            "ytdlp_version": values.text(answer.get("version")),
            "ytdlp_extractor": values.text(info_fields.get("extractor")),
            **({LANGUAGE: language} if (language := _language(entries[0])) else {}),
        },
    )


def _language(entry: Node) -> str | None:
    """Return the tag of the language that the video was published in; None where nothing says which
    one it is.

    The entry's own field is that of one of its formats, which may be dubbed: where formats name
    languages, the one that yt-dlp prefers is the original, and none of several that it prefers
    alike.
    """
    preferred: dict[str, float] = {}
    for fmt in values.objects(entry.get("formats")):
        if (spoken := _tag(fmt.get("language"))) and fmt.get("acodec") != "none":
            preference = fmt.get("language_preference")
            preferred[spoken] = max(
                preferred.get(spoken, -inf), preference if isinstance(preference, int) else -1
            )
    if not preferred:
        return _tag(entry.get("language"))
    most = max(preferred.values())
    originals = [spoken for spoken, preference in preferred.items() if preference == most]
    return originals[0] if len(originals) == 1 else None


def _tag(value: object) -> str | None:
    tag = (values.text(value) or "").strip().replace("_", "-")
    return tag if LANGUAGE_TAG.fullmatch(tag) and tag.lower() not in _NO_LANGUAGE else None


_NO_LANGUAGE = frozenset({"mis", "mul", "und", "zxx"})  # ISO 639: uncoded, several, unknown, none


def _title(info_fields: Mapping[str, Any], platform: Platform) -> str | None:
    """Return the title without yt-dlp's number, which it gives to a page's player even where there
    is only one.
    """
    title = (values.text(info_fields.get("title")) or "")[:MAX_TITLE_CHARS]
    return (title.removesuffix(" (1)") if platform.name == "generic" else title) or None


def _list_fields(info: Node) -> dict[str, Any]:
    """Return a list's own fields, which take precedence over those of its first entry."""
    names = (
        "title",
        "description",
        "timestamp",
        "uploader",
        "uploader_id",
        "channel",
        "webpage_url",
        "thumbnail",
    )
    return (
        {name: info[name] for name in names if info.get(name) is not None} if _is_list(info) else {}
    )


def _account(
    info_fields: Mapping[str, Any], post: Post, platform: Platform, site: YtdlpRules
) -> Account:
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


_KEY = re.compile(r"[\w.@-]{1,128}", re.ASCII)
_NOTHING_THERE = re.compile(r"does not have an? \w+ tab|does not have any videos posted")
_UNKNOWN = "no suitable extractor"
_LIVE = frozenset({"is_live", "was_live", "post_live"})
_NOT_OVER = frozenset({"is_live", "is_upcoming", "post_live"})
_FOR_MEMBERS = {"subscriber_only": True, "premium_only": True, "public": False}


def read_list(
    answer: Mapping[str, Any], platform: Platform, rules: ListRules, kind: EntryKind | None
) -> Listing:
    """Return what the child's ``answer`` says about a list, in which everything is of one ``kind``
    (None: of any).

    A list that broke off is returned as far as it was read. Raises the failure that yt-dlp reported
    if nothing was read, ToolMissing, Unsupported for what is not a list or not one that yt-dlp
    knows, and ExtractorBroken.
    """
    require_installed(answer)
    found = values.obj(answer.get("list"))
    named = values.objects(answer.get("entries"))[:MAX_ENTRIES]
    entries = tuple(
        entry for one in named if (entry := _entry(one, platform, rules, kind)) is not None
    )
    is_list = found.get("is_list") is True
    if found and not is_list:
        raise Unsupported("This is a single post, not a list.")
    if not entries and (failure := _failure(answer, platform)) is not None:
        raise failure
    if not is_list and not _is_empty(answer):
        raise ExtractorBroken("yt-dlp could not read the list.")
    key = values.text(found.get(rules.key)) or ""
    handle = (
        values.text(found.get("uploader_id"))
        if platform.ytdlp and platform.ytdlp.handle == "uploader_id"
        else None
    )
    return Listing(
        entries=entries,
        stable_id=key if _KEY.fullmatch(key) else None,
        title=(values.text(found.get(rules.title)) or "")[:MAX_TITLE_CHARS] or None,
        handle=handle if handle and _HANDLE.fullmatch(handle) else None,
        picture_url=values.url(found.get("thumbnail")),
        is_whole=_is_empty(answer)
        or (answer.get("ended") == "end" and answer.get("complete") is True),
        is_newest_first=rules.newest_first,
    )


def _failure(answer: Mapping[str, Any], platform: Platform) -> Failure | None:
    """Return the first failure that yt-dlp reported, unless it says only that nothing is there."""
    warnings = [str(line) for line in values.items(answer.get("warnings"))]
    if _is_empty(answer):
        return None
    for error in values.objects(answer.get("errors")):
        if _UNKNOWN in str(error.get("message")).lower():
            return Unsupported(
                Message(
                    "yt-dlp does not support this kind of list on %(site)s.", site=platform.title
                )
            )
        return failure_of(error, warnings, platform)
    return (
        ExtractorBroken("yt-dlp could not read the list.")
        if answer.get("ended") == "error"
        else None
    )


def _is_empty(answer: Mapping[str, Any]) -> bool:
    """Whether yt-dlp's only error is that an account has nothing of this kind."""
    errors = values.objects(answer.get("errors"))
    return bool(errors) and all(
        _NOTHING_THERE.search(str(error.get("message"))) for error in errors
    )


def _entry(
    found: Node, platform: Platform, rules: ListRules, kind: EntryKind | None
) -> Entry | None:
    """Return a post of the list; None for one without a URL."""
    address = values.url(found.get("url"))
    if address is None:
        return None
    match = find_post(platform, address)
    status = values.text(found.get("live_status"))
    rough = values.moment(found.get("timestamp"))
    published = rough or values.moment(found.get("release_timestamp"))
    return Entry(
        url=match.page_url if match else address,
        post_id=match.post_id if match else (values.text(found.get("id")) or "")[:MAX_TITLE_CHARS],
        title=(values.text(found.get("title")) or "")[:MAX_TITLE_CHARS] or None,
        text=(values.text(found.get("description")) or "")[:MAX_DESCRIPTION_CHARS] or None,
        published_at=_plausible(published),
        is_date_exact=rough is None or not rules.rough_dates,
        duration_s=values.number(found.get("duration")),
        kind=kind or _kind(address, status),
        finished=status not in _NOT_OVER,
        members_only=_FOR_MEMBERS.get(values.text(found.get("availability")) or ""),
        thumbnail_url=values.url(found.get("thumbnail")),
    )


def _kind(address: str, status: str | None) -> EntryKind | None:
    if urlsplit(address).path.startswith("/shorts/"):
        return EntryKind.SHORT
    return EntryKind.LIVE if status in _LIVE else None


def _plausible(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and is_plausible(moment) else None
