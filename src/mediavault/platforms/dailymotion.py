"""What we know of dailymotion.com; checked 2026-11-24 against published extractors.

Dailymotion: the player's metadata of a video, and GraphQL's record.

The metadata name the stream; the record names title, owner and picture. Prerolls are never in these
answers. Checked 2026-11-24 against recorded answers.

Dailymotion's open API of the videos of an account and of a playlist.

Source: https://developers.dailymotion.com/api/platform-api/reference/; checked 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediavault.core.failures import (
    AgeRestricted,
    Deleted,
    ExtractorBroken,
    Failure,
    LoginRequired,
    Private,
    RegionLocked,
    Upcoming,
)
from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.media import Candidate, Expected, Item, LiveNow, Post
from mediavault.core.messages import Message
from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
    KnownFrom,
    ListRules,
    Matching,
    MediaRules,
    Node,
    Pace,
    PageData,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.statuses import plain_text
from mediavault.extraction.page_data.values import walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises the failure that the player's error reports.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    player = next((node for node in own if {"qualities", "hlsURL", "error"} & node.keys()), None)
    if player is not None:
        if failure := _refusal(player):
            raise failure
        if player.get("stream_type") == "live" or player.get("mode") == "live":
            raise LiveNow("Dailymotion shows a broadcast that has not ended yet.")
    return _page_data(platform, player or {}, own) if own else None


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """Return the ids of a video's node; none for any other node."""
    known = {
        "qualities",
        "owner",
        "creator",
        "posters",
        "thumbnail_url",
        "thumbnailURL",
        "title",
        "error",
    }
    named = (node.get(name) for name in ("id", "xid"))
    return {str(video_id) for video_id in named if video_id} if known & node.keys() else set()


def _page_data(platform: Platform, player: Node, own: Sequence[Node]) -> PageData:
    owners = [values.obj(node, name) for node in own for name in ("owner", "creator", "channel")]
    candidates = _candidates(platform, player)
    picture = next(filter(None, map(_picture, own)), None)
    seconds = next(filter(None, (values.duration(node.get("duration")) for node in own)), None)
    item = Item(candidates, thumbnail_url=picture, expected=Expected(duration_s=seconds))
    names = [
        owner.get(name)
        for owner in owners
        for name in ("screenname", "displayName", "display_name")
    ]
    handles = [owner.get(name) for owner in owners for name in ("username", "name", "xid")]
    return PageData(
        items=(item,) if candidates else (),
        handle=next(filter(None, map(values.text, handles)), None),
        display_name=next(filter(None, map(values.text, names)), None),
        title=next(filter(None, (values.text(node.get("title")) for node in own)), None),
        text=next(filter(None, (values.text(node.get("description")) for node in own)), None),
        published_at=next(
            filter(None, (values.moment(node.get("created_time")) for node in own)), None
        ),
        thumbnail_url=picture,
        found=bool(candidates),
    )


def _candidates(platform: Platform, player: Node) -> tuple[Candidate, ...]:
    """Return the candidates. ``auto`` is the master playlist;
    ``720`` and ``720@60`` are files of that height.
    """
    # GraphQL
    candidates = own_candidates(player.get("hlsURL"), platform, mime="application/x-mpegurl")
    for quality, levels in values.obj(player, "qualities").items():
        height, _, rate = quality.partition("@")
        for level in values.objects(levels):
            mime = values.text(level.get("type"))
            # the player's own format, for its statistics
            if mime != "application/vnd.lumberjack.manifest":
                facts = {"height": values.integer(height), "fps": values.number(rate)}
                candidates += own_candidates(level.get("url"), platform, mime=mime, **facts)
    return build.merged(candidates)


def _picture(node: Node) -> str | None:
    """Return the largest poster; their keys are their heights."""
    posters = values.obj(node, "posters") or values.obj(node, "thumbnails")
    heights = sorted((int(name) for name in posters if name.isdigit()), reverse=True)
    named = [
        *(posters[str(height)] for height in heights),
        node.get("thumbnail_url"),
        node.get("thumbnailURL"),
    ]
    return next(
        filter(None, map(values.url, [*named, values.obj(node, "thumbnail").get("url")])), None
    )


_CODES: dict[str, type[Failure]] = {
    "DM001": Deleted,
    "DM002": Deleted,
    "DM003": Upcoming,  # still being processed
    "DM005": Deleted,
    "DM006": ExtractorBroken,
    "DM007": RegionLocked,
    "DM010": Private,
    "DM014": LoginRequired,
    "DM016": LiveNow,
    "DM019": Private,
    "DM020": AgeRestricted,
}


def _refusal(player: Node) -> Failure | None:
    error = values.obj(player, "error")
    if not error:
        return None
    reason = (
        values.text(error.get("title"))
        or values.text(error.get("message"))
        or Message("no reason given")
    )
    return _CODES.get(str(error.get("code")), Deleted)(
        Message("Dailymotion does not play this video: %(said)s", said=reason)
    )


_ID = re.compile(r"[A-Za-z0-9]{2,20}", re.ASCII)


def read_account(_: ListCheck, document: object) -> ListPage | None:
    """Return what ``user/<name>/videos`` says; None for any other document."""
    page = _read(document)
    owner = next(iter(values.objects(values.obj(document).get("list"))), {})
    key = str(owner.get("owner.id", ""))
    listing = (
        Listing(
            page.listing.entries,
            stable_id=key if _ID.fullmatch(key) else None,
            title=values.text(owner.get("owner.screenname")),
            handle=values.text(owner.get("owner.username")),
            picture_url=values.url(owner.get("owner.avatar_240_url")),
        )
        if page
        else None
    )
    return ListPage(listing, page.cursor) if page and listing else None


def read_playlist(_: ListCheck, document: object) -> ListPage | None:
    """Return what ``playlist/<id>/videos`` says; None for any other document.
    Its order is the playlist's.
    """
    return _read(document)


def _read(document: object) -> ListPage | None:
    answer = values.obj(document)
    if not isinstance(answer.get("list"), list):
        return None
    number = values.integer(answer.get("page")) or 1
    entries = tuple(filter(None, map(_entry, values.objects(answer["list"]))))
    return ListPage(
        Listing(entries), cursor=str(number + 1) if answer.get("has_more") is True else ""
    )


def _entry(video: Node) -> Entry | None:
    key = str(video.get("id", ""))
    if not _ID.fullmatch(key):
        return None
    is_live = video.get("mode") == "live"
    return Entry(
        f"https://www.dailymotion.com/video/{key}",
        title=values.text(video.get("title")),
        text=plain_text(video.get("description")),
        published_at=values.moment(video.get("created_time")),
        duration_s=values.duration(video.get("duration")),
        kind=EntryKind.LIVE if is_live else EntryKind.VIDEO,
        finished=not (is_live and video.get("onair") is True),
        language=values.text(video.get("language")),
        thumbnail_url=values.url(video.get("thumbnail_720_url")),
    )


_FIELDS = (
    "id,title,description,created_time,duration,language,mode,onair,thumbnail_720_url"
    ",owner.id,owner.screenname,owner.username,owner.avatar_240_url"
)
PLAYLIST_FEEDS = FeedRules(
    pages=(
        AddressPattern(re.compile(r"^/(?:embed/)?playlist/(?P<list>x[a-z0-9]{2,12})(?=[_/]|$)")),
    ),
    feed=f"https://api.dailymotion.com/playlist/{{list}}/videos?limit=50&fields={_FIELDS}",
    next_page="&page={cursor}",
    key="{list}",
    read_answer=read_playlist,
)


def account_feeds(not_a_name: str) -> FeedRules:
    """Return the rules for accounts; ``not_a_name`` are the first parts of paths that are not
    accounts'.
    """
    return FeedRules(
        pages=(
            AddressPattern(re.compile(r"^/user/(?P<user>[\w-]+)(?:/videos)?/?$")),
            AddressPattern(re.compile(r"^/rss/user/(?P<user>[\w-]+)/?$")),
            AddressPattern(
                re.compile(rf"^/(?!(?:{not_a_name})(?:/|$))(?P<user>[\w-]+)(?:/videos)?/?$"),
                host=re.compile(r"(?:www\.|m\.|touch\.)?dailymotion\.com"),
            ),
        ),
        feed=f"https://api.dailymotion.com/user/{{user}}/videos?limit=50&sort=recent&fields={_FIELDS}",
        next_page="&page={cursor}",
        key_form=re.compile(r"(?P<user>x[a-z0-9]{2,12})", re.ASCII),
        read_answer=read_account,
    )


_NOT_A_NAME = (
    "about|channel|cdn|crawler|embed|feed|fr|en|hub|legal|library|login|partner|partners|player|playlist|register|search"
    "|settings|signin|swf|topic|trending|upload|user|video|videos|watchlater|widget"
)

DAILYMOTION = Platform(
    name="dailymotion",
    title="Dailymotion",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos, also from embeds",
    leaves_out="channels' topics and hubs",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("dailymotion",),
        hosts=(
            "dailymotion.com",
            "www.dailymotion.com",
            "touch.dailymotion.com",
            "m.dailymotion.com",
            "geo.dailymotion.com",
            "dai.ly",
            "www.dai.ly",
        ),
        posts=(
            AddressPattern(
                re.compile(
                    r"^/(?:[a-z]{2}/)?(?:(?:embed|swf|crawler)/)?video/(?P<post_id>[A-Za-z0-9]{5,20})(?=[_/]|$)"
                )
            ),
            AddressPattern(re.compile(r"^/swf/(?P<post_id>[xk][A-Za-z0-9]{4,20})(?=[_/]|$)")),
            AddressPattern(
                re.compile(r"^/(?P<post_id>[xk][A-Za-z0-9]{4,20})/?$"),
                host=re.compile(r"(?:www\.)?dai\.ly"),
            ),
        ),
        playlists=paths(r"^/(?:embed/)?playlist/[^/]+", r"^/(?:topic|channel|hub)/[^/]+"),
        profiles=paths(
            r"^/user/(?P<handle>[\w-]+)(?:/|$)",
            rf"^/(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)/?(?:$|(?:videos|playlists|collections|about)/?$)",
            host=r"(?:www\.|m\.|touch\.)?dailymotion\.com",
        ),
        other_pages=paths(r"^/player(?:/[^/]+)?\.html$", rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.dailymotion.com/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:user/)?([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(r"/player/metadata/video/"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("dailymotion",), handle="", lists_subtitles=True),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/playlist/(?P<list>x[0-9a-z]+)(?:[_/]|$)"),
                canonical="https://www.dailymotion.com/playlist/{list}",
            ),
            ("dailymotion:playlist",),
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(
                    rf"^/(?:user/)?(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)/?(?:$|videos/?$)"
                ),
                host=re.compile(r"(?:www\.|m\.|touch\.)?dailymotion\.com"),
                canonical="https://www.dailymotion.com/{handle}",
            ),
            ("dailymotion:user",),
            newest_first=True,
        ),
    ),
    feeds=(PLAYLIST_FEEDS, account_feeds(_NOT_A_NAME)),
    media=MediaRules(
        hosts=(".dmcdn.net", ".dailymotion.com"),
        path=re.compile(r"/manifest/video/"),
        key=re.compile(r"/manifest/video/([A-Za-z0-9]+)"),
        signs_urls=True,
        tls_sensitive=True,
        watermark_no=re.compile(r"."),  # Dailymotion adds no watermark
    ),
    sign_in=SignIn(
        url="https://www.dailymotion.com/signin",
    ),
    walls=Walls(
        region_json=("DM007",),
        gone_text=("This video has been removed", "Content deleted"),
    ),
    pace=Pace(interval_s=(3, 5)),
)
