"""YouTube: the player response about the post's own video, from a watch page, an embed, or an
answer of the player API.

A response is the post's when ``videoDetails.videoId`` is its id: adverts and the next video have
their own.
A refusal that names no video counts only where the document is about a single video.
Checked 2026-11-24 against recorded answers of 2015 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from mediavault.core.failures import (
    AgeRestricted,
    AgeRestrictedSignedOut,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
    Unsupported,
    Upcoming,
)
from mediavault.core.listings import Entry, EntryKind
from mediavault.core.media import Candidate, Expected, Item, LiveNow, Post, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import AddressPattern, FeedRules, PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.values import Node, walk
from mediavault.extraction.walls import announced_wait

_MAX_NESTED_CHARS = 4_000_000
_MAX_RESPONSES = 200  # a page has one to three, a shelf of shorts some twenty


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Private, Deleted, AgeRestricted, LoginRequired, RegionLocked, Challenge, RateLimited,
    LiveNow, Upcoming or Unsupported when YouTube itself says so of this video.
    """
    responses = list(
        islice(
            (response for document in documents for response in _responses(document)),
            _MAX_RESPONSES,
        )
    )
    own = [
        response for response in responses if post.post_id and _video_id(response) == post.post_id
    ]
    # a clip's URL does not name its video
    if not own and post.post_id and len(post.post_id) != _ID_CHARS:
        own = responses if len({_video_id(response) for response in responses}) == 1 else []
    readings = [(candidates_of(response, platform), response) for response in own]
    candidates, response = max(
        readings, key=lambda pair: (len(pair[0]), _richness(pair[1])), default=((), {})
    )
    if not candidates:
        nameless = [other for other in responses if not _video_id(other)]
        if failure := next(filter(None, map(_refusal, [*own, *nameless])), None):
            raise failure
    if not own:
        return _story(post, documents)
    if _is_live(response):
        raise LiveNow("The video is live now.")
    return _page_data(post, own, response, candidates, documents)


_ID_CHARS = 11


def _is_live(response: Node) -> bool:
    broadcast = values.obj(
        response, "microformat", "playerMicroformatRenderer", "liveBroadcastDetails"
    )
    return (
        values.obj(response, "videoDetails").get("isLive") is True
        or broadcast.get("isLiveNow") is True
    )


def _video_id(response: Node) -> str | None:
    return values.text(values.obj(response, "videoDetails").get("videoId"))


def ids_of(node: Node) -> set[str]:
    """Return the id of the video that a player response is about; none for any other node."""
    return {name} if "streamingData" in node and (name := _video_id(node)) else set()


def _richness(response: Node) -> int:
    return len(values.obj(response, "videoDetails")) + len(values.obj(response, "microformat"))


def _responses(document: object) -> Iterator[Node]:
    """Yield the player responses in ``document``, including those that are JSON text inside it."""
    for node in walk(document):
        if "playabilityStatus" in node:
            yield node
        for name in (
            "player_response",
            "embedded_player_response",
            "raw_player_response",
            "playerResponse",
        ):
            text = node.get(name)
            if isinstance(text, str) and text.startswith("{") and len(text) <= _MAX_NESTED_CHARS:
                yield from (
                    inner for inner in walk(values.parsed(text)) if "playabilityStatus" in inner
                )


# --- what it says ---------------------------------------------------------------------------------


def _page_data(
    post: Post,
    own: Sequence[Node],
    response: Node,
    candidates: tuple[Any, ...],
    documents: Sequence[object],
) -> PageData:
    details = _joined(own, "videoDetails")
    about = _joined(own, "microformat", "playerMicroformatRenderer")
    seconds = values.number(details.get("lengthSeconds"))
    picture = _picture(details, about)
    item = Item(
        candidates,
        media_id=_video_id(response),
        thumbnail_url=picture,
        expected=Expected(duration_s=seconds),
    )
    return PageData(
        items=(item,),
        handle=_handle(about.get("ownerProfileUrl")) or _handle_of(_owner_in_page(post, documents)),
        display_name=values.text(details.get("author"))
        or values.text(about.get("ownerChannelName")),
        title=values.text(details.get("title")),
        text=values.text(details.get("shortDescription")),
        published_at=values.moment(about.get("publishDate"))
        or values.moment(about.get("uploadDate")),
        thumbnail_url=picture,
        found=True,
        metadata={"channel_id": channel}
        if (channel := values.text(details.get("channelId")))
        else {},
    )


def _joined(responses: Sequence[Node], *path: str) -> Mapping[str, Any]:
    """Return the same part of several responses, merged: earlier ones take precedence."""
    joined: dict[str, Any] = {}
    for response in responses:
        for name, value in values.obj(response, *path).items():
            joined.setdefault(name, value)
    return joined


def _picture(details: Node, about: Node) -> str | None:
    """Return the largest thumbnail; of equal ones the first listed."""
    listed = [
        *values.objects(values.obj(about, "thumbnail").get("thumbnails")),
        *values.objects(values.obj(details, "thumbnail").get("thumbnails")),
    ]
    largest = max(
        listed, key=lambda thumbnail: values.integer(thumbnail.get("width")) or 0, default={}
    )
    address = largest.get("url")
    return values.url(
        f"https:{address}" if isinstance(address, str) and address.startswith("//") else address
    )


def _handle(address: object) -> str | None:
    match = re.search(r"/@([^/?#]{3,40})", address) if isinstance(address, str) else None
    return match[1] if match else None


def _owner_in_page(post: Post, documents: Sequence[object]) -> Node:
    """Return the video's account from the page's own data (``ytInitialData``) or an answer of the
    "next" API.
    """
    for document in documents:
        page = values.obj(document)
        if values.obj(page, "currentVideoEndpoint", "watchEndpoint").get("videoId") != post.post_id:
            continue
        for node in walk(values.obj(page, "contents")):
            if owner := values.obj(node, "videoOwnerRenderer") or values.obj(
                node, "slimOwnerRenderer"
            ):
                return owner
    return {}


def _handle_of(owner: Node) -> str | None:
    return _handle(
        values.obj(owner, "navigationEndpoint", "browseEndpoint").get("canonicalBaseUrl")
    )


def _story(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return who posted it, where the documents hold no player response; ``found`` is False."""
    owner = _owner_in_page(post, documents)
    name = next(_runs(values.obj(owner, "title")), None)
    return (
        PageData(handle=_handle_of(owner), display_name=name, items=(Item(media_id=post.post_id),))
        if name
        else None
    )


def story_of(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return what a response says about a video that it refuses to play."""
    responses = (response for document in documents for response in _responses(document))
    own = [
        r
        for r in islice(responses, _MAX_RESPONSES)
        if post.post_id and _video_id(r) == post.post_id
    ]
    return _page_data(post, own, own[0], (), documents) if own else _story(post, documents)


# --- what YouTube says instead --------------------------------------------------------------------

# The order matters: a sentence about an age can also ask for a sign-in.
_SENTENCES: tuple[tuple[re.Pattern[str], type[Failure], str], ...] = (
    (
        re.compile(r"not a bot|unusual traffic|captcha"),
        Challenge,
        Message("YouTube shows a CAPTCHA"),
    ),
    (
        re.compile(r"try again later|rate-limited"),
        RateLimited,
        Message("YouTube asked us to slow down"),
    ),
    (
        re.compile(r"confirm your age|age.restricted|inappropriate"),
        AgeRestricted,
        Message("YouTube requires age verification"),
    ),
    (
        re.compile(r"private video|video is private"),
        Private,
        Message("YouTube says that the video is private"),
    ),
    (
        re.compile(r"removed for violating"),
        Deleted,
        Message("YouTube says that the video is gone"),
    ),  # laws "in your country" follow
    (
        re.compile(r"your country|in your region|your location"),
        RegionLocked,
        Message("YouTube does not show it in this country"),
    ),
    (
        re.compile(r"recording is not available"),
        Deleted,
        Message("YouTube has no recording of the broadcast"),
    ),
    (
        re.compile(r"on this app\b|latest version of youtube"),
        Unsupported,
        Message("YouTube does not play it in this player"),
    ),
    (
        re.compile(r"premieres? in|live event will begin|will begin|waiting for"),
        Upcoming,
        Message("Not released yet"),
    ),
    (
        re.compile(r"being processed|processing"),
        Upcoming,
        Message("YouTube is still processing the video"),
    ),
    (
        re.compile(
            r"\bmembers\b|join this channel|\bpremium\b|requires payment|\b(?:purchase|rent)\b"
        ),
        LoginRequired,
        Message("It is not free"),
    ),
    (
        re.compile(
            r"unavailable|removed|terminated|deleted|no longer|does(?: not|n't) exist|isn't"
            r" available|has ended"
            r"|copyright grounds"
        ),
        Deleted,
        Message("YouTube says that the video is gone"),
    ),
    (re.compile(r"sign in"), LoginRequired, Message("YouTube wants a sign-in for this video")),
)
_STATUSES: Mapping[str, tuple[type[Failure], str]] = {
    "AGE_VERIFICATION_REQUIRED": (AgeRestricted, Message("YouTube requires age verification")),
    "AGE_CHECK_REQUIRED": (AgeRestricted, Message("YouTube requires age verification")),
    "LOGIN_REQUIRED": (LoginRequired, Message("YouTube wants a sign-in for this video")),
    "LIVE_STREAM_OFFLINE": (Upcoming, Message("The broadcast has not started")),
    "CONTENT_CHECK_REQUIRED": (
        LoginRequired,
        Message("YouTube wants a confirmation for this video"),
    ),
    "ERROR": (Deleted, Message("YouTube says that the video is gone")),
    "UNPLAYABLE": (Unsupported, Message("YouTube does not play this video")),
    "CUSTOM": (Unsupported, Message("YouTube does not play this video")),
}


def _refusal(response: Node) -> Failure | None:
    """Return the failure that a response reports; None where it lets the video play."""
    status = values.obj(response, "playabilityStatus")
    code = str(status.get("status", "")).upper()
    if code not in _STATUSES:
        return None
    reason = " ".join(_sentences(status)).translate({ord("’"): "'"})
    condition, what = next(
        ((known, what) for form, known, what in _SENTENCES if form.search(reason.lower())),
        _STATUSES[code],
    )
    if status.get("desktopLegacyAgeGateReason"):
        condition, what = _STATUSES["AGE_CHECK_REQUIRED"]
    if values.obj(status, "errorScreen", "playerCaptchaViewModel"):
        condition, what = Challenge, Message("YouTube shows a CAPTCHA")
    # a signed-in user is asked to confirm it instead
    if condition is AgeRestricted and code == "LOGIN_REQUIRED":
        condition = AgeRestrictedSignedOut
    message = (
        Message("%(what)s: %(said)s", what=what, said=reason[:200])
        if reason
        else Message("%(what)s (%(code)s)", what=what, code=code)
    )
    if condition is Upcoming:
        return Upcoming(message, starts_at=_begins_at(response), retry_after=announced_wait(reason))
    return condition(message)


def _begins_at(response: Node) -> datetime | None:
    """Return when a premiere or a broadcast is announced to begin;
    None where the response does not say.
    """
    slate = values.obj(
        response,
        "playabilityStatus",
        "liveStreamability",
        "liveStreamabilityRenderer",
        "offlineSlate",
        "liveStreamOfflineSlateRenderer",
    )
    broadcast = values.obj(
        response, "microformat", "playerMicroformatRenderer", "liveBroadcastDetails"
    )
    return values.moment(slate.get("scheduledStartTime")) or values.moment(
        broadcast.get("startTimestamp")
    )


def _sentences(status: Node) -> Iterator[str]:
    screen = values.obj(status, "errorScreen")
    for text in (status.get("reason"), *values.items(status.get("messages"))):
        yield from filter(None, (values.text(text),))
    for part in ("reason", "subreason"):
        yield from _runs(values.obj(screen, "playerErrorMessageRenderer", part))


def _runs(node: Node) -> Iterator[str]:
    yield from filter(None, (values.text(node.get("simpleText")),))
    yield from (
        text for run in values.objects(node.get("runs")) if (text := values.text(run.get("text")))
    )


_FEED = "https://www.youtube.com/feeds/videos.xml"
_TAB = r"(?:/(?:(?P<tab>videos|shorts|streams)|featured|home)?)?/?$"


def read_entry(entry: Entry, _: Node) -> Entry:
    """Return the entry with its kind where its URL names it: a short's does,
    those of videos and streams are alike.
    """
    return replace(entry, kind=EntryKind.SHORT) if "/shorts/" in entry.url else entry


def channel_feeds(not_a_name: str) -> FeedRules:
    """Return the rules for channels; ``not_a_name`` are the first parts of paths that are not
    accounts'.
    """
    return FeedRules(
        pages=(
            AddressPattern(re.compile(rf"^/channel/UC(?P<channel>[\w-]{{22}}){_TAB}")),
            AddressPattern(
                re.compile(r"^/feeds/videos\.xml$"),
                query={"channel_id": re.compile(r"UC(?P<channel>[\w-]{22})")},
            ),
            AddressPattern(re.compile(rf"^/(?:@[^/]+|(?:user|c)/[^/]+){_TAB}")),
            AddressPattern(re.compile(rf"^/(?!(?:{not_a_name})(?:/|$))[\w-]+{_TAB}")),
        ),
        feed=f"{_FEED}?channel_id=UC{{channel}}",
        by_kind={
            EntryKind.VIDEO: f"{_FEED}?playlist_id=UULF{{channel}}",
            EntryKind.SHORT: f"{_FEED}?playlist_id=UUSH{{channel}}",
            EntryKind.LIVE: f"{_FEED}?playlist_id=UULV{{channel}}",
        },
        tabs={EntryKind.VIDEO: "videos", EntryKind.SHORT: "shorts", EntryKind.LIVE: "streams"},
        key="UC{channel}",
        key_form=re.compile(r"UC(?P<channel>[\w-]{22})"),
        read_entry=read_entry,
    )


_LIST = re.compile(r"(?P<list>(?:PL|UU|FL|OLAK5uy_)[\w-]{10,60})")  # mixes have no feed

LIST_FEEDS = FeedRules(
    pages=(
        AddressPattern(re.compile(r"^/playlist/?$"), query={"list": _LIST}),
        AddressPattern(re.compile(r"^/feeds/videos\.xml$"), query={"playlist_id": _LIST}),
    ),
    feed=f"{_FEED}?playlist_id={{list}}",
    key="{list}",
    read_entry=read_entry,
)


# --- formats --------------------------------------------------------------------------------------
# The files of a YouTube player response: whole files, silent tracks with their sound, HLS and
# DASH.
#
# A URL whose signature is still encrypted (``signatureCipher`` with ``s``) cannot be fetched and is
# not a candidate. Checked 2026-11-24 against recorded answers of 2015 to 2026.


def candidates_of(response: Node, platform: Platform) -> tuple[Candidate, ...]:
    """Return all that can be fetched as is, whole files first;
    a silent track has the sound that goes with it.
    """
    streaming = values.obj(response, "streamingData")
    protected = bool(values.items(streaming.get("licenseInfos")))
    whole, tracks = (
        values.objects(streaming.get("formats")),
        values.objects(streaming.get("adaptiveFormats")),
    )
    sounds = [track for track in tracks if _mime(track).startswith("audio/") and _address(track)]
    files = [c for entry in whole for c in _file(entry, platform)]
    videos = [
        c
        for track in tracks
        if _mime(track).startswith("video/")
        for c in _track(track, sounds, platform)
    ]
    candidates = [
        *files,
        *(video for video in videos if not files or not _is_throttled(video.url)),
        *_stream(streaming.get("hlsManifestUrl"), SourceType.HLS, platform),
        *_stream(streaming.get("dashManifestUrl"), SourceType.DASH, platform),
    ]
    return build.merged(
        [replace(candidate, drm=candidate.drm or protected) for candidate in candidates]
    )


def _is_throttled(url: str) -> bool:
    """Whether a URL is throttled: since 2021, if its ``n`` is not solved.
    Whole files have ``ratebypass``.
    """
    return re.search(r"[?&]n=", url) is not None and "ratebypass=yes" not in url


# --- one format -----------------------------------------------------------------------------------


def _address(entry: Node) -> str | None:
    """Return the URL, with its signature if that is given in plain text;
    None if it is still encrypted.
    """
    cipher = entry.get("signatureCipher") or entry.get("cipher")
    fields = dict(parse_qsl(cipher)) if isinstance(cipher, str) and not entry.get("url") else entry
    url = values.url(fields.get("url"))
    # a list of segments
    if url is None or fields.get("s") or entry.get("type") == "FORMAT_STREAM_TYPE_OTF":
        return None
    if "/s/" in url.partition("?")[0] or "sabr=1" in url:
        return None
    signature = fields.get("sig") or fields.get("signature")
    if isinstance(signature, str) and not re.search(r"[?&](?:sig|signature|lsig)=", url):
        return f"{url}&signature={signature}"
    return url


def _mime(entry: Node) -> str:
    """Return the format's type and codecs: ``video/mp4; codecs="avc1.42001E, mp4a.40.2"``."""
    return str(entry.get("mimeType") or "").lower()


def _codecs(entry: Node) -> list[str]:
    match = re.search(r'codecs="([^"]*)"', _mime(entry))
    return [part.strip() for part in match[1].split(",")] if match else []


def _file(entry: Node, platform: Platform) -> list[Candidate]:
    return _built(entry, platform, has_audio=True)


def _track(track: Node, sounds: Sequence[Node], platform: Platform) -> list[Candidate]:
    """Return a video track with the sound to merge with it, since it is of little use without."""
    partner = _sound_for(track, sounds)
    return [
        replace(
            candidate,
            audio_url=_address(partner) if partner else None,
            audio_codec=_sound_codec(partner),
        )
        for candidate in _built(track, platform, has_audio=False)
    ]


def _built(entry: Node, platform: Platform, *, has_audio: bool) -> list[Candidate]:
    mime = _mime(entry).partition(";")[0].strip()
    codecs = _codecs(entry)
    return own_candidates(
        _address(entry),
        platform,
        mime=mime or None,
        source_type=SourceType.DIRECT,
        container={"video/mp4": "mp4", "video/webm": "webm", "video/3gpp": "3gp"}.get(mime),
        video_codec=codec(codecs[0]) if codecs else None,
        audio_codec=_sound_name(codecs[1]) if len(codecs) > 1 else None,
        has_audio=has_audio,
        width=values.integer(entry.get("width")),
        height=values.integer(entry.get("height")),
        fps=values.number(entry.get("fps")),
        bitrate=values.integer(entry.get("averageBitrate")) or values.integer(entry.get("bitrate")),
        size=values.integer(entry.get("contentLength")),
        duration_s=values.milliseconds(entry.get("approxDurationMs")),
        drm=bool(entry.get("drmFamilies")) or None,
    )


def _stream(address: object, kind: SourceType, platform: Platform) -> list[Candidate]:
    url = values.url(address)
    if url is None or "/s/" in url:  # its signature is encrypted
        return []
    return own_candidates(url, platform, source_type=kind, has_audio=True)


# --- the sound of a silent track ------------------------------------------------------------------


def _sound_for(track: Node, sounds: Sequence[Node]) -> Node | None:
    """Return the best sound in the same container, of the original language;
    else the best of all.
    """
    kind = _mime(track).partition(";")[0].rpartition("/")[2]
    same = [sound for sound in sounds if _mime(sound).partition(";")[0].rpartition("/")[2] == kind]
    return max(same or sounds, key=_sound_rank, default=None)


def _sound_rank(sound: Node) -> tuple[bool, bool, int]:
    track = values.obj(sound, "audioTrack")
    return (
        track.get("audioIsDefault") is not False,
        sound.get("isDrc") is not True,  # its loudness is levelled
        values.integer(sound.get("bitrate")) or 0,
    )


def _sound_codec(sound: Node | None) -> str | None:
    return _sound_name(next(iter(_codecs(sound)), "")) if sound else None


def _sound_name(written: str) -> str | None:
    names: Iterable[tuple[str, str]] = (
        ("mp4a", "aac"),
        ("opus", "opus"),
        ("vorbis", "vorbis"),
        ("ac-3", "ac3"),
    )
    return next((ours for mark, ours in names if written.startswith(mark)), None)
