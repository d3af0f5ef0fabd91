"""Builds the extraction, from a platform's own data or from what any page shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import unquote, urlsplit

from mediavault.browser.port import PageCapture
from mediavault.core.media import (
    Account,
    Candidate,
    Expected,
    Extraction,
    FoundIn,
    Item,
    ItemType,
    Ownership,
    Post,
    Sign,
    account,
)
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.candidates import (
    NamedBy,
    NetworkMedia,
    Sighting,
    candidate_at,
    merge,
    with_written_size,
)
from mediavault.extraction.evidence import PageFacts, evidence, is_own, offers_to_skip, page_facts
from mediavault.extraction.media_urls import identity
from mediavault.extraction.ownership import OwnershipResult, assign_ownership
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.build import pictures
from mediavault.extraction.page_data.document import documents, parse_json, schema_named
from mediavault.extraction.page_data.elements import attribute_setups, element_documents
from mediavault.extraction.page_data.html_page import HtmlPage, read_page
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.metadata import (
    add_microdata,
    announced_by,
    declared_videos,
    is_index,
    says_it_has_video,
    story_of,
)
from mediavault.extraction.page_data.microdata import video_objects
from mediavault.extraction.page_data.oembed import Story
from mediavault.extraction.page_data.other_posts import NO_FOREIGN_MEDIA, foreign_media
from mediavault.extraction.page_data.own_records import own_videos
from mediavault.extraction.page_data.page_identity import as_video
from mediavault.extraction.page_data.player_records import player_records
from mediavault.extraction.page_data.player_setups import PlayerFile, primary_setups
from mediavault.extraction.page_data.readers import read_page_data
from mediavault.extraction.page_data.values import walk

MAX_JSON_BODIES = 200
MAX_OTHERS = 20  # candidates that are shown but not owned
MAX_TITLE_CHARS = 150
MAX_MARKUPS, MAX_MARKUP_NODES = 20, 2_000
_PLAYERS_PAGE = re.compile(r"/embed(?:js)?/", re.IGNORECASE)  # it has one video and nothing else


@dataclass(frozen=True, slots=True)
class PageSource:
    """A page and all JSON that came with it: answers first, then the page's own scripts.
    ``html`` is its text.
    """

    page: HtmlPage
    documents: tuple[object, ...]
    html: str = ""
    _stories: dict[str, Story] = field(default_factory=dict, compare=False, repr=False)

    def story(self, platform: Platform) -> Story:
        """Return who posted what, as the page of a platform says it. It is read once."""
        if platform.name not in self._stories:
            self._stories[platform.name] = story_of(self.page, self.documents, platform)
        return self._stories[platform.name]

    def is_index(self, platform: Platform) -> bool:
        """Return whether the page is plainly a list of posts.
        On a site with a reader its address says so.
        """
        return not platform.matching.posts and is_index(self.page)


def read_source(url: str, html: str, bodies: Sequence[bytes | str] = ()) -> PageSource:
    """Parse a page and the answers that it received, within bounds. Never raises."""
    answers = [value for body in bodies for value in parse_json(body)]
    answers += _markup_documents(answers)
    tags = list(scan(html))  # once: it is the costly part
    page = read_page(tags, url)
    page.add_setups(attribute_setups(html))
    page.name_boxes(html)
    add_microdata(page, [schema_named(item) for item in video_objects(html)])
    return PageSource(page, (*answers, *documents(tags), *element_documents(html)), html)


def source_of(capture: PageCapture) -> PageSource:
    """Return the page and the JSON that it received."""
    bodies = [
        seen.body for seen in capture.responses if seen.body and seen.resource_type != "document"
    ]
    return read_source(capture.final_url, capture.html, bodies[:MAX_JSON_BODIES])


def _markup_documents(answers: Sequence[object]) -> list[object]:
    """Return the data in markup that answers hold as text,
    as Facebook's do when a page is scrolled.
    """
    texts = (
        node[name]
        for answer in answers
        for node in islice(walk(answer), MAX_MARKUP_NODES)
        for name in ("html", "__html")
        if isinstance(node.get(name), str) and "<" in node[name]
    )
    found: list[object] = []
    for text in islice(texts, MAX_MARKUPS):
        found += [*documents(list(scan(text))), *element_documents(text)]
    return found


def data_of(post: Post, platform: Platform, source: PageSource) -> PageData | None:
    """Return what the platform's data say about the post, or about the video whose page a story's
    page says it is.

    None when they mention neither. Raises the failure that they report.
    """
    data = read_page_data(post, platform, source.documents)
    if (data is None or not data.found) and (
        video := as_video(post, platform, source.page)
    ) is not None:
        data = read_page_data(video, platform, source.documents) or data
    return data


def declared_sightings(page: HtmlPage, platform: Platform) -> list[Sighting]:
    """Return the videos that the page's metadata name as its own, one sighting per video."""
    return [
        Sighting(
            video.candidates,
            named_by=NamedBy.MAIN_ITEM
            if video.is_main
            else NamedBy.CARD
            if video.by_card
            else NamedBy.OBJECT,
            title=video.title,
            expected=video.expected,
            thumbnail_url=video.thumbnail_url,
            media_id=video.media_id,
        )
        for video in declared_videos(page, platform)
    ]


def assign_own_media(
    players: Sequence[Sighting],
    declared: Sequence[Sighting],
    rest: Sequence[Sighting],
    *,
    post: Post,
    platform: Platform,
    source: PageSource,
) -> OwnershipResult:
    """Sort the sightings with ``assign_ownership``, after setting aside media that data assign to
    other posts.

    Those are never the post's.
    """
    page = source.page
    players = [_with_ladder(player, page, platform) for player in players]
    declared = (
        list(declared) or _marked_as_primary(source, platform) or _in_own_record(source, platform)
    )
    rest = _with_records(source, platform, rest, held=[*players, *declared])
    if not any(sighting.candidates for sighting in (*players, *declared, *rest)):
        rest = _offered_for_download(page, platform) or _in_variables(page, platform)
    seen = [*players, *declared, *rest]
    media = foreign_media(post, platform, source.documents) if seen else NO_FOREIGN_MEDIA
    foreign = [
        s
        for s in seen
        if any(map(media.holds, s.candidates)) or not _may_be_of_account(s, page, platform)
    ]
    own = [
        [sighting for sighting in group if sighting not in foreign]
        for group in (players, declared, rest)
    ]
    facts = _facts(post, source, platform)
    owned = assign_ownership(own[0], own[1], own[2], facts)
    if not platform.matching.posts:  # without its own reader
        owned = _judged(owned, facts)
    unsure = [
        replace(c, ownership=Ownership.UNKNOWN) for sighting in foreign for c in sighting.candidates
    ]
    return OwnershipResult(
        owned.items, (*owned.others, *(Sighting((c,)) for c in unsure)), names_foreign=bool(foreign)
    )


def _facts(post: Post, source: PageSource, platform: Platform) -> PageFacts:
    page, story = source.page, source.story(platform)
    length_s = announced_by(page).duration_s
    return page_facts(
        page.url or post.url,
        titles=(story.title, page.title, page.heading, page.meta("og:title", "twitter:title")),
        text=story.text,
        pictures=filter(None, (story.thumbnail_url, *story.image_urls)),
        length_s=length_s,
        marks_main=page.marks_main,
        is_about_video=says_it_has_video(page) and not page.hosted,
        is_index=source.is_index(platform),
        # a declared length tells an advert from the video better
        skips_adverts=length_s is None
        and not platform.matching.posts
        and offers_to_skip(source.html),
    )


def _judged(owned: OwnershipResult, page: PageFacts) -> OwnershipResult:
    """Add the evidence to the videos of a page; those for which it is not enough may be others'."""
    items = [(item, evidence(item, page)) for item in owned.items]
    others = [(other, evidence(other, page)) for other in owned.others]
    unsure = [(item, signs) for item, signs in items if not is_own(signs)]
    return OwnershipResult(
        tuple(_with_evidence(item, signs) for item, signs in items if is_own(signs)),
        tuple(_with_evidence(one, signs, Ownership.UNKNOWN) for one, signs in (*unsure, *others)),
        owned.names_foreign,
    )


def _with_evidence(
    sighting: Sighting, signs: tuple[Sign, ...], level: Ownership | None = None
) -> Sighting:
    return replace(
        sighting,
        candidates=tuple(
            replace(c, evidence=signs, ownership=c.ownership if level is None else level)
            for c in sighting.candidates
        ),
    )


def _may_be_of_account(sighting: Sighting, page: HtmlPage, platform: Platform) -> bool:
    """Whether the media are of the account that the page names, where the site's media URLs name
    accounts.

    Others are an animation from elsewhere, which any reply on the page may show.
    """
    if platform.media.account is None:
        return True
    stated = _accounts(
        (page.url, page.canonical or "", *(content for _, content in page.metas)),
        platform.media.account,
    )
    named = _accounts((candidate.url for candidate in sighting.candidates), platform.media.account)
    return not sighting.candidates or bool(stated & named)


def _accounts(texts: Iterable[str], pattern: re.Pattern[str]) -> set[str]:
    return {match[1] for text in texts for match in pattern.finditer(unquote(text))}


def _with_ladder(player: Sighting, page: HtmlPage, platform: Platform) -> Sighting:
    """Return the player with the other files of a setup that names one of its own:
    an element's list of qualities.
    """
    held = {identity(c.url) for c in player.candidates}
    setups = page.set_up if held else []
    ladders = [
        {identity(url): (url, source) for url, source in _files(s.sources, page)} for s in setups
    ]
    levels = {
        key: file
        for files in ladders
        if held & files.keys()
        for key, file in files.items()
        if key not in held
    }
    more = _candidates_at(levels.values(), platform, FoundIn.DOM)
    return replace(player, candidates=(*player.candidates, *more)) if more else player


def _files(sources: Iterable[PlayerFile], page: HtmlPage) -> list[tuple[str, PlayerFile]]:
    """Return the files that a page writes, each with its absolute URL."""
    return [(url, source) for source in sources if (url := page.absolute(source.address))]


def _candidates_at(
    files: Iterable[tuple[str, PlayerFile]], platform: Platform, found_in: FoundIn
) -> list[Candidate]:
    named = (
        (candidate_at(url, platform, found_in, mime=source.type), source) for url, source in files
    )
    return [
        with_written_size(candidate, source) for candidate, source in named if candidate is not None
    ]


def _marked_as_primary(source: PageSource, platform: Platform) -> list[Sighting]:
    """Return the video that the page's own data mark as the main one, as those of an article do;
    [] where several are.
    """
    setups = primary_setups(source.documents)
    if len(setups) != 1:
        return []
    candidates = _candidates_at(_files(setups[0].sources, source.page), platform, FoundIn.PAGE_DATA)
    return [Sighting(tuple(candidates), named_by=NamedBy.MAIN_ITEM)] if candidates else []


def _in_own_record(source: PageSource, platform: Platform) -> list[Sighting]:
    """Return the only video in the record of the page's own article,
    on sites without a reader of their own.
    """
    setups = [] if platform.matching.posts else own_videos(source.documents, source.page)
    if len(setups) != 1:
        return []
    candidates = _candidates_at(_files(setups[0].sources, source.page), platform, FoundIn.PAGE_DATA)
    return [Sighting(tuple(candidates), named_by=NamedBy.RECORD)] if candidates else []


def _offered_for_download(page: HtmlPage, platform: Platform) -> list[Sighting]:
    """Return the only video that the page links to as its download, as file hosts do."""
    urls = {identity(url): url for address in page.downloads if (url := page.absolute(address))}
    candidates = [c for url in urls.values() if (c := candidate_at(url, platform, FoundIn.DOM))]
    return [Sighting((candidates[0],))] if len(candidates) == 1 else []


def _in_variables(page: HtmlPage, platform: Platform) -> list[Sighting]:
    """Return the videos that scripts keep in variables, on a page that shows no other,
    of a site without a reader.
    """
    if platform.matching.posts:
        return []
    kept = [
        (_candidates_at(_files(each.sources, page), platform, FoundIn.DOM), each.names)
        for each in page.variables
    ]
    return [Sighting(tuple(candidates), names=names) for candidates, names in kept if candidates]


def _with_records(
    source: PageSource, platform: Platform, rest: Sequence[Sighting], *, held: Sequence[Sighting]
) -> list[Sighting]:
    """Return ``rest`` with the videos that players' own records describe,
    unless other sightings hold their files.
    """
    known = {identity(c.url) for sighting in held for c in sighting.candidates}
    items = player_records(source.documents, platform)
    named_by = (
        NamedBy.RECORD
        if len(items) == 1 and _PLAYERS_PAGE.match(urlsplit(source.page.url).path)
        else None
    )
    records = [
        Sighting(
            item.candidates,
            named_by=named_by,
            expected=item.expected,
            thumbnail_url=item.thumbnail_url,
            media_id=item.media_id,
        )
        for item in items
        if not known & {identity(c.url) for c in item.candidates}
    ]
    taken = {identity(c.url) for sighting in records for c in sighting.candidates}
    return [*(s for s in rest if not taken & {identity(c.url) for c in s.candidates}), *records]


def from_page_data(
    post: Post, platform: Platform, data: PageData, network: NetworkMedia | None, source: PageSource
) -> Extraction:
    """Return the extraction of media that the platform's own data name.

    The network only confirms them and adds what the player sent.
    """
    handle = data.handle or post.handle
    videos = [item for item in data.items if item.is_video]
    declared = announced_by(source.page) if len(videos) == 1 else Expected()
    return Extraction(
        post=replace(post, handle=post.handle or data.handle),
        final_url=source.page.url,
        account=account(platform.name, handle, data.display_name, fallback=_host(source.page.url)),
        items=tuple(
            replace(
                item,
                candidates=_confirmed(item.candidates, network),
                expected=item.expected.completed_by(declared) if item.is_video else item.expected,
            )
            for item in map(_with_picture, data.items)
        ),
        selected=data.selected,
        title=data.title or _first_line(data.text),
        text=data.text,
        published_at=data.published_at,
        thumbnail_url=data.thumbnail_url,
        image_urls=data.image_urls,
        embeds=tuple(filter(None, [values.text(data.metadata.get("external_url"))])),
        metadata=dict(data.metadata),
    )


def from_page(
    post: Post, platform: Platform, source: PageSource, owned: OwnershipResult
) -> Extraction:
    """Return the extraction of any page, from what its players, metadata and network showed,
    sorted by ownership.
    """
    page, story = source.page, source.story(platform)
    items = tuple(_item(sighting, page, alone=len(owned.items) == 1) for sighting in owned.items)
    if not items and not owned.others:  # a video that may be the post's comes first
        items = tuple(
            Item(pictures(url), type=ItemType.IMAGE, media_id=identity(url), thumbnail_url=url)
            for url in story.own_pictures
        )
    others = [
        replace(c, thumbnail_url=sighting.thumbnail_url)
        if (sighting.thumbnail_url or "").startswith("http")
        else c
        for sighting in owned.others
        for c in sighting.candidates
    ]
    return Extraction(
        post=replace(post, post_id=post.post_id or story.post_id),
        final_url=page.url,
        account=_account(post, platform, story, page.url),
        items=items,
        others=tuple(_distinct(others)[:MAX_OTHERS]),
        title=story.title,
        text=story.text,
        published_at=story.published_at,
        thumbnail_url=story.thumbnail_url or next((item.thumbnail_url for item in items), None),
        image_urls=story.image_urls,
        embeds=tuple(dict.fromkeys(page.frames)),
    )


def _with_picture(item: Item) -> Item:
    """Return a picture with its candidate, where its site has one size of it only."""
    if item.type is not ItemType.IMAGE or item.candidates:
        return item
    return replace(item, candidates=pictures(item.thumbnail_url))


def _confirmed(
    candidates: Sequence[Candidate], network: NetworkMedia | None
) -> tuple[Candidate, ...]:
    """Add the network's facts to the page data's candidates,
    and the candidates that only the network showed.
    """
    if network is None:
        return tuple(candidates)
    own = []
    for candidate in candidates:
        twin = network.candidate_for(candidate.url)
        own.append(merge(candidate, replace(twin, url=candidate.url)) if twin else candidate)
    keys = {c.media_key for c in candidates if c.media_key}
    held = {identity(c.url) for c in candidates}
    more = [
        replace(c, ownership=Ownership.KEY_MATCH)
        for key, c in network.candidates.items()
        if c.media_key in keys and key not in held
    ]
    return (*own, *more)


def _item(sighting: Sighting, page: HtmlPage, *, alone: bool) -> Item:
    """Return the item with the player's facts; a single video also gets what the page says about
    its only player.
    """
    expected = sighting.expected.completed_by(announced_by(page)) if alone else sighting.expected
    subtitles = page.players[0].subtitles if alone and len(page.players) == 1 else ()
    return Item(
        sighting.candidates,
        media_id=sighting.media_id,
        thumbnail_url=sighting.thumbnail_url,
        expected=expected,
        subtitles=tuple(subtitles),
    )


def _account(post: Post, platform: Platform, story: Story, url: str) -> Account:
    if platform.name == "generic":
        return account(
            platform.name, story.handle, story.display_name or story.site_name, fallback=_host(url)
        )
    return account(
        platform.name, post.handle or story.handle, story.display_name, fallback=_host(url)
    )


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    seen: dict[str, Candidate] = {}
    for candidate in candidates:
        seen.setdefault(identity(candidate.url), candidate)
    return list(seen.values())


def _first_line(text: str | None) -> str | None:
    """Return a title for posts that have none: the first line,
    without the link that X appends for the media.
    """
    lines = [line for line in (text or "").splitlines() if line.strip()]
    if not lines:
        return None
    words = [word for word in lines[0].split() if not word.startswith("https://t.co/")]
    return " ".join(words)[:MAX_TITLE_CHARS] or None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
