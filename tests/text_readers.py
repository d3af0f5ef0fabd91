"""Every function of the product that takes an untrusted text, as a function of that text alone.

Those with one argument are found automatically; the others are in WITH_MORE, and trusted texts in
OWN_TEXTS. ``tests/unit/test_growth.py`` checks that nothing is missing.
"""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from mediavault.browser import url_signs
from mediavault.browser.navigation import failure_of_load
from mediavault.browser.port import PageCapture, SeenManifest
from mediavault.core import marks, media, name_template, names, settings, xml_tree
from mediavault.core.failures import Failure
from mediavault.core.holds import is_paused
from mediavault.core.listings import ListCheck
from mediavault.core.media import FoundIn, Post
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.core.urls import parse_http_url
from mediavault.download import (
    beginning,
    frames,
    hls_document,
    hls_text,
    manifest,
    mpd,
    mpd_document,
    mpd_segments,
    playlist,
)
from mediavault.egress import tcp
from mediavault.egress.http1 import BadMessage
from mediavault.egress.redirects import referer_for
from mediavault.extraction import candidates, manifests, media_urls, ytdlp_formats, ytdlp_reading
from mediavault.extraction.api_extractor import read_answer
from mediavault.extraction.assembly import read_source
from mediavault.extraction.browser_extractor import read_capture
from mediavault.extraction.evidence import evidence, page_facts
from mediavault.extraction.feed_documents import read_feed
from mediavault.extraction.page_data import build, elements, html_scan, page_identity
from mediavault.extraction.page_manifests import page_manifests
from mediavault.extraction.port import ApiAnswer, PageAnswer
from mediavault.extraction.profile_pages import read_profile
from mediavault.extraction.saved_page import open_saved
from mediavault.extraction.walls import is_login_page
from mediavault.library import layout
from mediavault.platforms import tiktok
from mediavault.platforms.registry import all_platforms, site_title
from mediavault.platforms.tiktok import as_items
from mediavault.platforms.x import reader as x_reader
from mediavault.platforms.youtube import YOUTUBE
from mediavault.presentation import preferences
from mediavault.sandbox.process import ChildFailed
from mediavault.server import authentication, ranges
from mediavault.server.security import HostRules, comes_from_elsewhere, host_is_ours
from mediavault.store import search_words
from tests.fakes import START
from tests.feed_samples import LIST_CHECKS
from tests.pumps import Pump, modules

Read = Callable[[str], object]
TEXTS = frozenset({"str", "bytes", "str | bytes", "bytes | str", "str | None"})

# The areas whose functions take untrusted texts: from sites, playlists, names and requests.
AREAS = (
    "presentation.preferences", "presentation.labels", "server.ranges", "server.security",
    "server.authentication", "web.pages.home", "web.post_view", "core", "platforms", "browser",
    "sandbox", "download", "egress", "extraction", "media", "library", "store.search_words",
    "features.following",
)  # fmt: skip

# Functions in these areas whose text is our own, or from a user who has the vault's password.
OWN_TEXTS = frozenset(
    {
        "core.fingerprints.likeness",  # bytes of our own, of at most 60 frames: each with each
        "core.settings.validate_setting",  # settings
        "core.fleet.is_served",
        "core.fleet.unserved_in_words",
        "core.messages.fill",
        "core.messages.from_json",
        "core.messages.join",
        "features.following.pages.cards.entry_line",  # the text is a key of our own
        "features.following.views.entry_view",
        "library.zip_stream.zip_entry",  # a name that is safe already
        "core.logs.bind_job",
        "core.logs.configure_logs",
        "core.logs.get_logger",
        "core.logs.job_context",
        "core.profiles.unknown_profile",
        "core.name_template.check_template",
        "core.platform.paths",
        "features.following.model.read_start",
        "features.following.transfer.read_entries",  # lists.read_source_list reads the text
        "features.following.lists.channel_page",  # an id that was recognised
        "core.settings.check_allow_rule",
        "core.settings.check_proxy",
        "platforms.registry.platform",
        "platforms.dailymotion.account_feeds",  # our own patterns
        "platforms.tumblr.blog_feeds",
        "platforms.vimeo.account_feeds",
        "platforms.youtube.reader.channel_feeds",
        "platforms.lookalikes.imitates",  # hosts, which parse_http_url limits to 253 characters
        "platforms.lookalikes.is_below",
        "browser.interception.judge",  # from the facts of a response
        "media.packets.has_hole",  # bytes of media are bounded and read in the child
        "media.packets.nal_length_bytes",
        "media.old_containers.ogg_checksum",
        "media.packets.parameter_sets",
        "media.packets.same_form",
        "media.mp4_boxes.end_of_segments",
        "library.bucket_address.parse_bucket_address",  # settings
        "library.commit.plan_file",  # a name that the library gave
        "library.disk.write_bytes",
        "library.layout.not_there",
        "library.layout.names_in_turn",
        "library.layout.no_free_name",
        "core.companions.companions",  # paths in the library
        "core.companions.sibling",
        "core.companions.thumbnail_path",
    }
)  # fmt: skip

URL = "https://site.test/posts/1"
POST = Post(URL, URL, "generic", "1", "jane")
GENERIC = next(platform for platform in all_platforms() if platform.name == "generic")
TIKTOK = next(platform for platform in all_platforms() if platform.name == "tiktok")
BASE = parse_http_url(URL)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


WITH_MORE: Mapping[str, Read] = {
    "platforms.registry.site_title": lambda text: site_title("generic", text),
    "core.marks.is_written_so": lambda text: marks.is_written_so(f"tag/{text}", text),
    "presentation.preferences.best_locale": lambda text: preferences.best_locale(
        text, frozenset({"en", "de"})
    ),
    "server.authentication.may": lambda text: authentication.may(text, text),
    "server.ranges.is_unchanged": lambda text: ranges.is_unchanged(text, '"a"'),
    "server.ranges.range_still_holds": lambda text: ranges.range_still_holds(text, '"a"'),
    "server.ranges.wanted_range": lambda text: ranges.wanted_range(text, 1_000),
    "server.security.comes_from_elsewhere": lambda text: comes_from_elsewhere(
        None, text, "vault.test"
    ),
    "server.security.host_is_ours": lambda text: host_is_ours(
        text, HostRules(frozenset({"vault.test"}))
    ),
    "core.settings.is_on_site": lambda text: settings.is_on_site(URL + text, ("news.example",)),
    "core.holds.is_paused": lambda text: is_paused(text, [text]),
    "core.media.account": lambda text: media.account("generic", text, text),
    "core.name_template.named_post": lambda text: name_template.stem_of(
        name_template.named_post(
            job_id="a",
            canonical_url=text,
            post_id=text,
            platform=text,
            account=None,
            published=START,
            title=text,
        )
    ),
    "browser.navigation.failure_of_load": lambda text: failure_of_load(text, "https://a.example/"),
    "core.xml_tree.read_xml": lambda text: xml_tree.read_xml(
        f"<a>{text}", max_depth=9, max_elements=99
    ),
    "core.names.label_or_none": lambda text: names.label_or_none(text, 80),
    "core.names.truncate_bytes": lambda text: names.truncate_bytes(text, 200),
    "browser.url_signs.is_manifest": lambda text: url_signs.is_manifest(text, text),
    "browser.url_signs.names_a_video": lambda text: url_signs.names_a_video("", URL + text),
    "download.beginning.missing_index": lambda text: beginning.missing_index(_bytes(text), 1 << 20),
    "download.frames.frame_key": lambda text: frames.frame_key("0a-1", text),
    "download.hls_document.read_document": lambda text: hls_document.read_document(
        "#EXTM3U\n" + text, URL
    ),
    "download.hls_text.tags_of": lambda text: list(
        hls_text.tags_of(text, hls_text.Variables(URL, {}))
    ),
    "download.manifest.resolve": lambda text: manifest.resolve(text, BASE),
    "download.mpd.read_mpd": lambda text: mpd.read_mpd(text, URL),
    "download.mpd.subtitles_of": lambda text: mpd.subtitles_of("text/vtt" + text, URL),
    "download.mpd_document.read_document": lambda text: mpd_document.read_document(text, URL),
    "download.mpd_segments.fill": lambda text: mpd_segments.fill(text, {"Number": 1}),
    "download.playlist.read_playlist": lambda text: playlist.read_playlist(text, URL),
    "egress.tcp.owner_of": lambda text: tcp.owner_of(text, ("127.0.0.1", 1), ("127.0.0.1", 2)),
    "egress.redirects.referer_for": lambda text: referer_for(URL + text, BASE),
    "extraction.assembly.read_source": lambda text: read_source(URL, text, [text]),
    "extraction.candidates.candidate_at": lambda text: candidates.candidate_at(
        URL + text, GENERIC, FoundIn.DOM
    ),
    "extraction.manifests.parse_manifest": lambda text: manifests.parse_manifest(_bytes(text), URL),
    "extraction.manifests.read_manifest": lambda text: manifests.read_manifest(_bytes(text), URL),
    "extraction.evidence.page_facts": lambda text: _evidence(text),
    "extraction.page_data.elements.names_around": lambda text: elements.names_around(
        text, len(text)
    ),
    "extraction.media_urls.on_media_host": lambda text: media_urls.on_media_host(
        URL + text, TIKTOK
    ),
    "extraction.media_urls.media_facts": lambda text: media_urls.media_facts(URL + text, TIKTOK),
    "extraction.media_urls.media_key": lambda text: media_urls.media_key(URL + text, TIKTOK),
    "extraction.media_urls.watermark_of": lambda text: media_urls.watermark_of(URL + text, TIKTOK),
    "extraction.page_data.page_identity.articles_linking": lambda text: (
        page_identity.articles_linking(text, "1")
    ),
    "extraction.page_data.build.candidate": lambda text: build.candidate(
        URL + text, GENERIC, FoundIn.DOM
    ),
    "extraction.page_data.html_scan.attributes_of": lambda text: html_scan.attributes_of(
        text, 0, 0
    ),
    "extraction.page_data.elements.has_element": lambda text: elements.has_element(text, "#a .b"),
    "platforms.tiktok.as_items": lambda text: list(_items(text)),
    "platforms.tiktok.refusal": lambda text: _tiktok(text),
    "platforms.x.reader.refusal": lambda text: _x(text),
    "extraction.saved_page.open_saved": lambda text: open_saved(_bytes(text), URL),
    "extraction.walls.is_login_page": lambda text: is_login_page(URL + text, TIKTOK),
    "library.layout.id_in": lambda text: layout.id_in(_bytes(text), "here"),
    "extraction.ytdlp_formats.is_foreign": lambda text: ytdlp_formats.is_foreign(
        URL + text, TIKTOK
    ),
    "store.search_words.is_in": lambda text: search_words.is_in(
        text, search_words.parse_search("kite") or ()
    ),
    "store.search_words.full_line": lambda text: search_words.full_line(
        text, {search_words.WordSource.SUBTITLES: search_words.distinct_line([text])}
    ),
    "store.search_words.account_line": lambda text: search_words.account_line(text, text),
    "store.search_words.job_line": lambda text: search_words.job_line(
        URL, URL, None, {"title": text, "text": text}
    ),
}


def _items(text: str) -> Iterator[object]:
    return as_items("1", [{"id": "1", "desc": text, "video": {"playAddr": text}}])


def _evidence(text: str) -> object:
    """Read a page's titles, address and pictures, and a video's own title,
    boxes and URL beside them.
    """
    url = URL + text
    page = page_facts(
        url,
        titles=[text],
        text=text,
        pictures=[url],
        length_s=9.0,
        marks_main=True,
        is_about_video=False,
    )
    shown = candidates.candidate_at(url, GENERIC, FoundIn.DOM)
    return evidence(
        candidates.Sighting((shown,) if shown else (), title=text, names=text, media_id=text), page
    )


def _tiktok(text: str) -> object:
    return tiktok.refusal("1", [{"statusMsg": text, "statusCode": text}])


def _x(text: str) -> object:
    return x_reader.refusal("1", [{"errors": [{"message": text}], "reason": text}])


# --- a whole visit, and a response ----------------------------------------------------------------


def _visit(platform: Platform, text: str) -> object:
    capture = PageCapture(
        url=URL,
        final_url=URL,
        status=200,
        html=text,
        title=text,
        visible_text=text,
        responses=(),
        videos=(),
        drm_requested=False,
        user_agent="",
        manifests=(SeenManifest("blob:1", text, URL),),
    )
    return read_capture(Post(URL, URL, platform.name, "1", "jane"), platform, capture)


def _answer(platform: Platform, text: str) -> object:
    return read_answer(
        Post(URL, URL, platform.name, "1", "jane"), platform, ApiAnswer(200, _bytes(text))
    )


def _feed(text: str) -> object:
    item = f"<item><title>{text}</title><link>{URL}</link><description>{text}</description></item>"
    for body in (f"<rss version='2.0'><channel><title>{text}</title>{item}</channel></rss>", text):
        _answered(GENERIC, body)
    return None


def _list_of_api(platform: Platform, text: str) -> object:
    post = {
        "uri": text,
        "record": {"text": text, "createdAt": text},
        "embed": {"$type": "app.bsky.embed.video"},
    }
    status = {
        "id": text,
        "url": URL,
        "content": text,
        "created_at": text,
        "media_attachments": [{"type": "video"}],
    }
    video = {
        "id": "x8aaaaa",
        "title": text,
        "description": text,
        "created_time": text,
        "owner.id": text,
    }
    for document in (
        {"feed": [{"post": post}]},
        [{**status, "account": {"id": text}}],
        {"list": [video]},
    ):
        _answered(platform, json.dumps(document))
    return None


def _answered(platform: Platform, body: str) -> None:
    check = ListCheck(LIST_CHECKS[platform.name])
    with contextlib.suppress(Failure):
        read_feed(check, platform, PageAnswer(check.url, 200, {}, _bytes(body)))


def _profile(platform: Platform, text: str) -> object:
    capture = PageCapture(
        url=URL,
        final_url=URL,
        status=200,
        html=f'<a href="{text}">{text}',
        title=text,
        visible_text=text,
        responses=(),
        videos=(),
        drm_requested=False,
        user_agent="",
    )
    return read_profile(ListCheck(URL), platform, capture)


def _ytdlp(text: str) -> object:
    video = {
        "id": "1",
        "title": text,
        "description": text,
        "uploader": text,
        "webpage_url": URL + text,
    }
    formats = [
        {
            "url": URL + text,
            "ext": "mp4",
            "protocol": "https",
            "vcodec": text,
            "cookies": text,
            "format_note": text,
        }
    ]
    return _of_ytdlp({"info": {**video, "formats": formats}, "warnings": [text]})


def _of_ytdlp(answer: Mapping[str, Any]) -> object:
    return ytdlp_reading.read_answer(answer, POST, GENERIC, YtdlpRules(("generic",)), now=START)


def _ytdlp_list(text: str) -> object:
    entry = {"id": text, "url": URL + text, "title": text, "description": text, "timestamp": text}
    answer = {
        "list": {"is_list": True, "id": text, "title": text, "uploader_id": text},
        "entries": [entry],
    }
    return ytdlp_reading.read_list(answer, YOUTUBE, YOUTUBE.lists[0], None)


def _ytdlp_error(text: str) -> object:
    return _of_ytdlp({"errors": [{"kind": "ExtractorError", "message": text}], "warnings": [text]})


def whole_readings() -> Mapping[str, Read]:
    """Return what a worker reads at once: a visit, a response, the output of yt-dlp,
    a manifest made by a page.
    """
    return {
        **{
            f"a visit to {platform.name}": partial(_visit, platform) for platform in all_platforms()
        },
        **{
            f"an answer of {platform.name}": partial(_answer, platform)
            for platform in all_platforms()
            if platform.api_url
        },
        "a feed": _feed,
        **{
            f"a list of {platform.name}": partial(_list_of_api, platform)
            for platform in all_platforms()
            if any(rules.read_answer for rules in platform.feeds)
        },
        **{
            f"a page of posts of {platform.name}": partial(_profile, platform)
            for platform in all_platforms()
        },
        "an answer of yt-dlp": _ytdlp,
        "a list of yt-dlp": _ytdlp_list,
        "an error of yt-dlp": _ytdlp_error,
        "page_manifests": lambda text: page_manifests(
            [SeenManifest("blob:1", text, URL)], [{"m": text}], URL
        ),
    }


# --- discovered readers ---------------------------------------------------------------------------


@cache
def candidates_of_code() -> Mapping[str, tuple[Callable[..., Any], int]]:
    """Return the public functions of the areas that take a text first,
    with the number of other required arguments.
    """
    by_name: dict[str, tuple[Callable[..., Any], int]] = {}
    for module in modules():
        module_name = module.__name__.removeprefix("mediavault.")
        if not any(module_name == area or module_name.startswith(f"{area}.") for area in AREAS):
            continue
        for name, value in vars(module).items():
            if name.startswith("_") or inspect.iscoroutinefunction(value):
                continue
            if not inspect.isfunction(inspect.unwrap(value)) or value.__module__ != module.__name__:
                continue
            arguments = list(inspect.signature(value).parameters.values())
            if arguments and arguments[0].annotation in TEXTS:
                required = [
                    argument
                    for argument in arguments[1:]
                    if argument.default is argument.empty
                    and argument.kind is not argument.VAR_KEYWORD
                ]
                by_name[f"{module_name}.{name}"] = (value, len(required))
    return by_name


def readers() -> Mapping[str, Read]:
    discovered: dict[str, Read] = {}
    for name, (function, required) in candidates_of_code().items():
        if not required and name not in OWN_TEXTS:
            kind = next(iter(inspect.signature(function).parameters.values())).annotation
            discovered[name] = partial(_read, function, as_bytes=kind == "bytes")
    return {**discovered, **WITH_MORE, **whole_readings()}


def _read(function: Callable[..., Any], text: str, *, as_bytes: bool) -> None:
    """Read the text; a refusal is a valid result."""
    with contextlib.suppress(BadMessage, ChildFailed):
        result = function(_bytes(text) if as_bytes else text)
        if inspect.isgenerator(result):
            for _ in result:
                pass


# --- the texts ------------------------------------------------------------------------------------

_PARTS = (
    " ", "\n", "a", "0", "1.", "-", "_", ".", "/", "../", "//", ":", ";", ",", "=", "&", "?a=1&",
    "%25", "@", "'", '"', "\\", "\\u0041", "(", ")", "{", "[", "[{", '{"a":', '{"a":[', "<", "<a ",
    "<a href=", "</a", "<!--", "-->", "<h1>", "<h1 ", "<div ", "<p>", "<b", "<script>",
    "<script>x={", "<title>", "<video ", "<video src=a.mp4>", "<article>", "<meta content=",
    "<source ", "<iframe src=//a>", "<img src=a ", "<a data-ft=",
    """<a data-ft='{"top_level_post_id":1}' data-store='{"videoID":1,"src":"a"}'>""", (
        "<a href='/video_redirect/?src=a&id=1'>"
    ), "<template>", "<style>", "x={", "x=[{a:", "f({", "/*", "//a\n", "`", "data:a/b,", "http://a",
    "http://", "eyJ", "x-", "token", "token=", "cookie:", "é", "\u0301", "\u202e", "&amp;", "&#",
    "&", "#", "#EXTINF:1,\na\n", 'A="b",',
    "#EXT-X-KEY:METHOD=NONE\n", "{$a}", "$Number%0", "<S d='1'/>", "<Period>", "<BaseURL>",
    "<BaseURL ", "<MPD ", "<?xml ", "<?", "1:", "PT1", "P1Y", "kite wind ", "kiteWind", "bytes=",
    "0-1,", "a b ", "a.b.", "init-", "seg1-", "/v/t1", "for(;;);", "\x1b[", "\t", "a,b;q=1,",
    "\r\n", "a:b\r\n",
)  # fmt: skip
_HEADS = (
    "",
    "<html>",
    '{"a": "',
    "#EXTM3U\n",
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
    "<script>",
    "GET /",
)


def pumps() -> list[Pump]:
    plain = [Pump("", part) for part in _PARTS]
    return plain + [
        Pump(head, part) for head in _HEADS[1:] for part in (" ", "a", "<", "\\", '"', "\n")
    ]
