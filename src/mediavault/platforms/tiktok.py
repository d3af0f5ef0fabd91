"""What we know of tiktok.com; checked 2026-11-24 against recorded pages and published extractors.

Converts the items of TikTok's embeds and of its app to the form of its pages.

Checked 2026-11-24 against recorded answers, and against the fields that yt-dlp 2026.10.26 reads;
those of the app only against published clients.

What TikTok says instead of a post: status codes of its pages, and embeds without a video.

Checked 2026-11-24 against recorded answers and the names that TikTok's own scripts give the codes.

Reads a TikTok post: the item with the post's id in a page's data, an item/detail answer or an
embed.

``bitrateInfo`` and ``playAddr`` have no watermark; ``downloadAddr`` has one, whatever its bit rate.
The same documents list recommended videos, which are ignored: only the id counts.
Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    IpBlocked,
    LoginRequired,
    Private,
    RegionLocked,
)
from mediavault.core.media import (
    Candidate,
    Expected,
    FoundIn,
    Item,
    ItemType,
    Ownership,
    Post,
    Watermark,
)
from mediavault.core.messages import Message
from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    ListRules,
    Matching,
    Measures,
    MediaRules,
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
from mediavault.extraction.page_data.values import Node, walk


def as_items(post_id: str, documents: Sequence[object]) -> Iterator[Node]:
    """Yield the items with this id that the documents hold in another form,
    converted to that of the pages.
    """
    for document in documents:
        for node in walk(document):
            infos = values.obj(node, "itemInfos")
            if str(infos.get("id")) == post_id and ("video" in infos or node.get("imagePostInfo")):
                yield _of_embed(node)
            if str(node.get("id_str")) == post_id and "author_info" in node:
                yield _of_player(node)
            if str(node.get("aweme_id")) == post_id and "video" in node:
                yield _of_app(node)


def _first(picture: object) -> object:
    return next(iter(values.items(values.obj(picture).get("url_list"))), None)


def _of_embed(embed: Node) -> dict[str, Any]:
    """Convert one file under several URLs, without a codec;
    the pictures of a slideshow are in ``imagePostInfo``.
    """
    infos, author = values.obj(embed, "itemInfos"), values.obj(embed, "authorInfos")
    video, shape = values.obj(infos, "video"), values.obj(infos, "video", "videoMeta")
    covers = [*values.items(infos.get("coversOrigin")), *values.items(infos.get("covers"))]
    return {
        "id": str(infos["id"]),
        "desc": infos.get("text"),
        "createTime": infos.get("createTime"),
        "author": {"uniqueId": author.get("uniqueId"), "nickname": author.get("nickName")},
        "video": _one_file(video.get("urls"), shape, next(iter(covers), None)),
        **_slides(values.obj(embed, "imagePostInfo"), "displayImage", "urlList"),
    }


def _of_player(item: Node) -> dict[str, Any]:
    """Convert an item of ``player/api/v1/items``, which TikTok's own embedded player requests."""
    author, video = values.obj(item, "author_info"), values.obj(item, "video_info")
    return {
        "id": str(item["id_str"]),
        "desc": item.get("desc"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": _one_file(
            video.get("url_list"), values.obj(video, "meta"), _first(values.obj(video, "cover"))
        ),
        **_slides(values.obj(item, "image_post_info"), "display_image", "url_list"),
    }


def _of_app(item: Node) -> dict[str, Any]:
    """Convert an item of the app (``aweme_detail``): a ladder under ``bit_rate``;
    its file for downloading is marked.
    """
    author, video = values.obj(item, "author"), values.obj(item, "video")
    seconds = values.milliseconds(video.get("duration"))
    levels = [
        {
            "CodecType": "h265" if level.get("is_h265") or level.get("is_bytevc1") else "h264",
            "Bitrate": level.get("bit_rate"),
            "BitrateFPS": level.get("FPS"),
            "PlayAddr": _address(level.get("play_addr")),
        }
        for level in values.objects(video.get("bit_rate"))
    ]
    return {
        "id": str(item["aweme_id"]),
        "desc": item.get("desc"),
        "createTime": item.get("create_time"),
        "author": {"uniqueId": author.get("unique_id"), "nickname": author.get("nickname")},
        "video": {
            "duration": seconds,
            "bitrateInfo": levels,
            "PlayAddrStruct": _address(video.get("play_addr")),
            "downloadAddr": _first(video.get("download_addr")),
            "originCover": _first(video.get("origin_cover")) or _first(video.get("cover")),
        },
        **_slides(values.obj(item, "image_post_info"), "display_image", "url_list"),
    }


def _address(written: object) -> dict[str, Any]:
    named = values.obj(written)
    return {
        "Uri": named.get("uri"),
        "UrlList": values.items(named.get("url_list")),
        "Width": named.get("width"),
        "Height": named.get("height"),
        "DataSize": named.get("data_size"),
    }


def _one_file(urls: object, shape: Node, cover: object) -> dict[str, Any]:
    address = {
        "UrlList": values.items(urls),
        "Width": shape.get("width"),
        "Height": shape.get("height"),
    }
    ladder = [{"PlayAddr": address}] if address["UrlList"] else []
    return {"duration": shape.get("duration"), "bitrateInfo": ladder, "originCover": cover}


def _slides(post: Node, name: str, addresses: str) -> dict[str, Any]:
    pictures = [
        values.obj(image, name).get(addresses) for image in values.objects(post.get("images"))
    ]
    images = [{"imageURL": {"urlList": values.items(urls)}} for urls in pictures]
    return {"imagePost": {"images": images}} if images else {}


_CODES: Mapping[int, tuple[type[Failure], str]] = {
    10000: (Challenge, Message("TikTok shows a CAPTCHA")),
    10102: (LoginRequired, Message("TikTok wants a sign-in for this post")),
    10113: (Challenge, Message("TikTok shows a CAPTCHA")),
    10114: (Challenge, Message("TikTok shows a CAPTCHA")),
    10202: (Deleted, Message("TikTok says that the account does not exist")),
    10204: (IpBlocked, Message("TikTok blocks this computer's IP address")),
    10213: (AgeRestricted, Message("TikTok shows this post only to older people")),
    10214: (AgeRestricted, Message("TikTok shows this post only to older people")),
    10215: (Deleted, Message("TikTok says that the post does not exist")),
    10216: (Private, Message("TikTok says that the post is private")),
    10217: (Deleted, Message("TikTok says that the post was taken down")),
    10220: (Deleted, Message("TikTok says that the post was taken down for its music")),
    10221: (Deleted, Message("TikTok says that the account was banned")),
    10222: (Private, Message("TikTok says that the account is private")),
    10223: (Deleted, Message("TikTok says that the account was banned")),
    10231: (RegionLocked, Message("TikTok does not show this post in this country")),
    2053: (Deleted, Message("TikTok says that the post does not exist")),
}
# ``statusMsg`` of the pages
_REASONS: tuple[tuple[re.Pattern[str], type[Failure]], ...] = (
    (re.compile(r"self_see|friend_see|private|part_see"), Private),
    (re.compile(r"cross_border|geofence|region"), RegionLocked),
    (re.compile(r"content_classification|low_age|under_?age"), AgeRestricted),
    (
        re.compile(
            r"deleted|doesn't exist|not exist|not"
            r" found|reviewing|unshelve|banned|author_status|unavailable"
        ),
        Deleted,
    ),
)


def refusal(post_id: str | None, documents: Sequence[object]) -> Failure | None:
    """Return the failure that a document reports; None where none does."""
    refusals = (_by_code(document) or _embed(post_id, document) for document in documents)
    return next(filter(None, refusals), None)


def _by_code(document: object) -> Failure | None:
    scope = values.obj(document, "__DEFAULT_SCOPE__")
    parts = (
        values.obj(scope, "webapp.video-detail"),
        values.obj(scope, "webapp.photo-detail"),
        values.obj(scope, "webapp.reflow.video.detail"),
        values.obj(document, "VideoPage"),
        values.obj(document, "props", "pageProps"),
        values.obj(document),
    )
    for part in parts:
        code = values.integer(part.get("statusCode")) or values.integer(part.get("status_code"))
        if not code:
            continue
        reason = values.text(part.get("statusMsg")) or values.text(part.get("status_msg")) or ""
        if (condition := _condition(reason)) and (code in _CODES or code > min(_CODES)):
            return condition(
                Message(
                    "TikTok does not show this post: %(said)s (status %(code)s)",
                    said=reason[:100],
                    code=code,
                )
            )
        if known := _CODES.get(code):
            return known[0](Message("%(known)s (status %(code)s)", known=known[1], code=code))
    return None


def _condition(reason: str) -> type[Failure] | None:
    return next((condition for form, condition in _REASONS if form.search(reason.lower())), None)


def _embed(post_id: str | None, document: object) -> Failure | None:
    """Recognise ``{"source": {"data": {"/embed/v2/1": {"is404": true}}}}``."""
    pages: Node = values.obj(document, "source", "data")
    lost = (path for path, page in pages.items() if values.obj(page).get("is404") is True)
    if post_id and any(post_id in path.split("/") for path in lost):
        return Deleted("TikTok says that the post does not exist")
    return None


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Private, Deleted, IpBlocked, AgeRestricted and the like when TikTok itself says so. An
    oEmbed answer gives metadata only: ``found`` is False then.
    """
    item = _own_item(post.post_id, documents)
    if item is not None:
        return _page_data(platform, item)
    if failure := refusal(post.post_id, documents):
        raise failure
    return _oembed(post.post_id, documents)


def _own_item(post_id: str | None, documents: Sequence[object]) -> Node | None:
    """Return the fullest item with the post's id. A video's own record has that id too,
    but no video inside.
    """
    nodes = (node for document in documents for node in walk(document))
    own = [node for node in nodes if post_id and post_id in ids_of(node)]
    own += as_items(post_id, documents) if post_id else ()
    return max(
        own,
        key=lambda node: len(values.obj(node, "video")) + len(values.obj(node, "imagePost")),
        default=None,
    )


def ids_of(node: Node) -> set[str]:
    """The id of an item's node; none for any other node."""
    name = node.get("id")
    return {str(name)} if name and ("video" in node or "imagePost" in node) else set()


def address_of(node: Node) -> str | None:
    """The URL of the post that a node is; None for any other node."""
    author = values.obj(node, "author")
    if author.get("uniqueId") and ("video" in node or "imagePost" in node):
        return f"https://www.tiktok.com/@{author['uniqueId']}/video/{node.get('id')}"
    return None


def _page_data(platform: Platform, item: Node) -> PageData:
    images = _images(item)
    candidates = () if images else _candidates(platform, item)
    if not candidates and not images and item.get("isContentClassified") is True:
        raise AgeRestricted("TikTok shows this post only to signed-in adults")
    author = values.obj(item, "author")
    handle = values.text(author.get("uniqueId"))
    name = values.text(author.get("nickname"))
    return PageData(
        items=_items(item, candidates),
        handle=handle,
        display_name=name,
        text=values.text(item.get("desc")),
        published_at=values.moment(item.get("createTime")),
        thumbnail_url=_cover(item) or next(iter(images), None),
        image_urls=images,
        found=True,
        metadata={"advert": True} if item.get("isAd") is True else {},
    )


def _items(item: Node, candidates: tuple[Candidate, ...]) -> tuple[Item, ...]:
    """Return the video, or the pictures of a slideshow."""
    if pictures := values.objects(values.obj(item, "imagePost").get("images")):
        return tuple(
            Item(type=ItemType.IMAGE, thumbnail_url=_image(picture)) for picture in pictures
        )
    key = next((candidate.media_key for candidate in candidates if candidate.media_key), None)
    expected = Expected(duration_s=_duration(item), audio=True)
    # a video whose URLs are withheld is still a video
    shown = candidates or expected.duration_s or _cover(item)
    return (
        (Item(candidates, media_id=key, thumbnail_url=_cover(item), expected=expected),)
        if shown
        else ()
    )


def _duration(item: Node) -> float | None:
    return values.duration(values.obj(item, "video").get("duration"))


def _cover(item: Node) -> str | None:
    video = values.obj(item, "video")
    return next(
        filter(
            None, (values.url(video.get(name)) for name in ("originCover", "cover", "dynamicCover"))
        ),
        None,
    )


def _images(item: Node) -> tuple[str, ...]:
    images = values.objects(values.obj(item, "imagePost").get("images"))
    return tuple(filter(None, map(_image, images)))


def _image(picture: Node) -> str | None:
    urls = values.items(values.obj(picture, "imageURL").get("urlList"))
    return next(filter(None, map(values.url, urls)), None)


# --- candidates -----------------------------------------------------------------------------------


def _candidates(platform: Platform, item: Node) -> tuple[Candidate, ...]:
    video = values.obj(item, "video")
    levels = [
        c
        for level in values.objects(video.get("bitrateInfo"))
        for c in _level(platform, video, level)
    ]
    key = next((candidate.media_key for candidate in levels if candidate.media_key), None)
    played = [
        video.get("playAddr"),
        *(source.get("src") for source in values.objects(video.get("playAddr"))),
    ]
    played += values.items(values.obj(video, "PlayAddrStruct").get("UrlList"))
    play = [c for url in played for c in _single(platform, video, url, key, watermark=Watermark.NO)]
    download = _single(platform, video, video.get("downloadAddr"), key, watermark=Watermark.YES)
    return build.merged([*levels, *play, *download])


_CODECS = {
    "h264": "h264",
    "h265_hvc1": "hevc",
    "h265": "hevc",
    "bytevc1": "hevc",
    "bytevc2": "bytevc2",
    "av1": "av1",
}


def _level(platform: Platform, video: Node, level: Node) -> list[Candidate]:
    """Return one quality: the same file under several URLs, in TikTok's own order."""
    address = values.obj(level, "PlayAddr")
    codec = str(level.get("CodecType", "")).lower()
    candidates = []
    for url in filter(None, map(values.url, values.items(address.get("UrlList")))):
        candidate = _built(platform, video, url)
        candidates.append(
            replace(
                candidate,
                media_key=values.text(address.get("Uri")) or candidate.media_key,
                video_codec=_CODECS.get(codec, codec or None),
                has_audio=_has_audio(url, codec),
                watermark=Watermark.NO,
                width=values.integer(address.get("Width")) or candidate.width,
                height=values.integer(address.get("Height")) or candidate.height,
                fps=values.number(level.get("BitrateFPS")),
                bitrate=values.integer(level.get("Bitrate")),
                size=values.integer(address.get("DataSize")),
                note=_note(url, codec),
            )
        )
    return candidates


def _single(
    platform: Platform, video: Node, address: object, key: str | None, *, watermark: Watermark
) -> list[Candidate]:
    url = values.url(address)
    if url is None:
        return []
    candidate = _built(platform, video, url)
    codec = str(video.get("codecType", "")).lower() if watermark is Watermark.NO else "h264"
    return [
        replace(
            candidate,
            media_key=key or candidate.media_key,
            video_codec=_CODECS.get(codec, codec or None),
            has_audio=_has_audio(url, codec),
            watermark=watermark,
            width=candidate.width or values.integer(video.get("width")),
            height=candidate.height or values.integer(video.get("height")),
            # the video's own bit rate and size belong to playAddr; the watermarked copy is another
            # file
            bitrate=values.integer(video.get("bitrate")) if watermark is Watermark.NO else None,
            note=_note(url, codec),
        )
    ]


def _built(platform: Platform, video: Node, url: str) -> Candidate:
    candidate = build.candidate(
        url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime="video/mp4"
    )
    return replace(
        candidate,
        container="mp4",
        has_video=True,
        duration_s=values.duration(video.get("duration")),
    )


def _has_audio(url: str, codec: str) -> bool | None:
    """Files under ``/media-video-hvc1/`` were reported to come without sound;
    bytevc2 cannot be examined.
    """
    return None if codec == "bytevc2" or "/media-video-" in url else True


def _note(url: str, codec: str) -> str:
    if codec == "bytevc2":
        return Message("bytevc2: undecodable")
    return "redirect" if re.search(r"/aweme/v1/play/", url) else ""


# --- oEmbed ---------------------------------------------------------------------------------------


def _oembed(post_id: str | None, documents: Sequence[object]) -> PageData | None:
    for document in documents:
        answer = values.obj(document)
        if post_id and answer.get("provider_name") == "TikTok" and _embedded_id(answer) == post_id:
            return PageData(
                handle=values.text(answer.get("author_unique_id"))
                or _handle_of(answer.get("author_url")),
                display_name=values.text(answer.get("author_name")),
                title=values.text(answer.get("title")),
                text=values.text(answer.get("title")),
                thumbnail_url=values.url(answer.get("thumbnail_url")),
            )
    return None


def _embedded_id(answer: Node) -> str | None:
    known = values.text(answer.get("embed_product_id"))
    match = (
        None if known else re.search(r'data-video-id="(\d{15,21})"', str(answer.get("html", "")))
    )
    return match[1] if match else known


def _handle_of(url: object) -> str | None:
    match = re.search(r"/@([\w.-]{1,24})/?$", url) if isinstance(url, str) else None
    return match[1] if match else None


_ID = r"(?P<post_id>\d{1,21})(?=/|$)"
# 24 characters at most, but a secret user id of 70 may replace it
_NAME = r"(?P<handle>[\w.-]{1,120})"
_PROFILE = "https://www.tiktok.com/@{handle}"

_KIBIBITS = re.compile(r"(?:^|&)bt=(\d{1,6})(?:&|$)")


def _measures(parts: SplitResult, width: int | None, height: int | None) -> Measures:
    """``bt`` counts whole units of 1024 bits per second (``br`` is twice that)."""
    match = _KIBIBITS.search(parts.query)
    return Measures(width, height, int(match[1]) * 1024 or None if match else None)


TIKTOK = Platform(
    name="tiktok",
    title="TikTok",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos and photo posts, also from embeds",
    leaves_out="stories, live broadcasts, sounds and collections",
    extractors=("browser", "ytdlp"),
    matching=Matching(
        brands=("tiktok",),
        hosts=(
            "tiktok.com",
            "www.tiktok.com",
            "m.tiktok.com",
            "us.tiktok.com",
            "t.tiktok.com",
            "lite.tiktok.com",
        ),
        mirror_hosts=(
            "tiktokv.com",
            "www.tiktokv.com",
            "m.tiktokv.com",
            "vxtiktok.com",
            "www.vxtiktok.com",
            "tnktok.com",
            "www.tnktok.com",
            "a.tnktok.com",
            "d.tnktok.com",
            "tfxktok.com",
            "tiktxk.com",
        ),
        short_hosts=("vm.tiktok.com", "vt.tiktok.com"),
        share_links=paths(r"^/t/(?P<post_id>\w{5,})/?$", r"^/(?P<post_id>Z[A-Za-z0-9]{7,9})/?$"),
        posts=(
            AddressPattern(re.compile(rf"^/@{_NAME}/(?:video|photo)/{_ID}")),
            AddressPattern(re.compile(rf"^/@{_NAME}/video/(?P<post_id>\d{{15,21}})\.html$")),
            AddressPattern(re.compile(rf"^/@/(?:video|photo)/{_ID}")),
            AddressPattern(re.compile(rf"^/(?:i18n/)?share/(?:video|photo|item)/{_ID}")),
            AddressPattern(
                re.compile(
                    r"^/(?:embed(?:/v\d)?|player/v1|v)/(?P<post_id>\d{15,21})(?:\.html)?(?=/|$)"
                )
            ),
        ),
        stories=paths(rf"^/@{_NAME}/stor(?:y|ies)(?:/|$)"),
        lives=paths(rf"^/@{_NAME}/live(?:/|$)", r"^/share/live/\d+", r"^/live(?:/|$)"),
        playlists=paths(
            rf"^/@{_NAME}/(?:playlist|collection)/",
            r"^/(?:music|sticker|effect|tag|channel|place)/[^/]+",
        ),
        profiles=paths(
            rf"^/@{_NAME}/?(?:$|(?:posts|likes|liked|reposts|saved|following|avatar)(?:/|$))",
            page=_PROFILE,
        )
        + paths(r"^/share/user/\d+"),
        other_pages=paths(
            r"^/(?:$|(?:discover|foryou|explore|following|friends|search|login|upload|about|legal)(?:/|$))"
        ),
        # any handle leads there; photo posts too
        canonical="https://www.tiktok.com/@_/video/{post_id}",
        page="https://www.tiktok.com/@{handle}/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        json_paths=re.compile(r"^https://www\.tiktok\.com/api/item/detail/"),
        data_css="#__UNIVERSAL_DATA_FOR_REHYDRATION__, #SIGI_STATE, #__NEXT_DATA__",
        viewer=("webapp.app-context", "user", "uniqueId"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("tiktok", "vm.tiktok"), handle="uploader", display_name="channel"),
    lists=(
        ListRules(
            AddressPattern(re.compile(rf"^/@{_NAME}/?(?:posts/?)?$"), canonical=_PROFILE),
            ("tiktok:user",),
            newest_first=True,
            key="id",
            by_key="tiktokuser:{key}",  # yt-dlp's own form of an address, for the secret user id
        ),
    ),
    media=MediaRules(
        hosts=(
            ".tiktok.com",
            ".tiktokcdn.com",
            ".tiktokcdn-us.com",
            ".tiktokcdn-eu.com",
            ".tiktokv.com",
            ".tiktokv.us",
            ".byteoversea.com",
            ".ibytedtos.com",
            ".muscdn.com",
            ".ttwstatic.com",
        ),
        path=re.compile(r"/video/tos/|^/aweme/v1/play/"),
        key=re.compile(r"\b(v[0-9a-z]{10}[0-9a-z]{10,40})\b"),
        reject_path=re.compile(r"~tplv-|/music/|/obj/ies-music"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        watermark_yes=re.compile(
            r"/(?:mps/)?logo/|/playwm/|[?&](?:logo_type|user_text|logo_name)=|[?&](?:lr=tiktok(?:_m)?|watermark=1)(?:&|$)"
            # ds: 3 is the file for downloading, 6 the one for playing
            r"|[?&]lr=all&(?:(?:(?!&lr=all&)[^#])*&)?ds=3(?:&|$)"
        ),
        watermark_no=re.compile(
            r"^https?://[^/]+/aweme/v1/play/|[?&](?:lr=unwatermarked|ds=6)(?:&|$)"
        ),
        referer="https://www.tiktok.com/",
        cookies=True,  # tt_chain_token
        measures=_measures,
    ),
    sign_in=SignIn(
        url="https://www.tiktok.com/login",
        session_cookies=("sessionid", "sid_tt"),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.tiktok\.com/login(?:[/?]|$)"),
        login_text=("Log in to TikTok to see this video",),
        age_text=("This post may not be comfortable for some audiences",),
        age_json=("isContentClassified",),
        challenge_css="[class*=captcha]",
        challenge_text=(
            "Please wait...",
            "Verify to continue",
            "Drag the slider to fit the puzzle",
        ),
        gone_text=("Video currently unavailable", "Couldn't find this account"),
        private_text=("This video is private", "This account is private"),
        private_json=("10216", "10222"),  # post, account
    ),
    pace=Pace(interval_s=(5, 10)),
)
