"""Which of the videos that a page shows are the post's own. Pure; ownership comes before any
ranking.

The surest sign wins: the page's own data about the post (``page_data``), then the player that the
page presents, then what its metadata declare, then a lone candidate. What stays unsure is listed,
and never saved without asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mediavault.browser.port import SeenVideo
from mediavault.core.media import Ownership
from mediavault.extraction.candidates import Sighting
from mediavault.extraction.evidence import SAME_LENGTH_S, PageFacts, is_outside
from mediavault.extraction.media_urls import identity, site_of

MIN_PLAYER_HEIGHT_PX = 120  # smaller ones are previews
CLEARLY_LARGER = 1.6  # times the area of the next
_SAYS_NOTHING = PageFacts()
MAX_CAROUSEL = 40  # sites allow 10 to 20; what shows more is an index of posts


@dataclass(frozen=True, slots=True)
class OwnershipResult:
    """``items`` are the post's videos in order, with their ownership set; ``others`` are not surely
    the post's.

    ``names_foreign``: some of the others surely are another post's.
    """

    items: tuple[Sighting, ...]
    others: tuple[Sighting, ...]
    names_foreign: bool = False


def assign_ownership(
    players: Sequence[Sighting],
    declared: Sequence[Sighting],
    rest: Sequence[Sighting],
    page: PageFacts = _SAYS_NOTHING,
) -> OwnershipResult:
    """Sort the sightings of a page without platform data.

    ``players`` are those of the page, in document order; ``declared`` what JSON-LD and Open Graph
    name, one sighting per video; ``rest`` URLs that only the network showed.
    """
    everything = [*players, *declared, *rest]
    stray = [
        p
        for p in players
        if not _is_named(p, declared) and (is_outside(p, page) or _contradicts(p, declared, page))
    ]
    if stray:  # a widget's clip, or a station's live channel; what the network showed may be theirs
        players, rest = [p for p in players if p not in stray], []
    # only the metadata or the user can decide
    if any(p.player and p.player.unsure for p in players):
        playable = [sighting for sighting in declared if sighting.candidates]
        return (
            _sorted(playable, Ownership.LONE, everything, [])
            if playable
            else OwnershipResult((), tuple(_as_unknown(everything)))
        )
    for items, level in (
        (_presented(players, declared), Ownership.PLAYER),
        (list(declared), Ownership.LONE),
        (_lone([*(p for p in players if _is_shown(p)), *rest]), Ownership.LONE),
        (_lone([*players, *rest]), Ownership.LONE),
    ):
        playable = [item for item in items if item.candidates]
        if playable:
            return _sorted(playable, level, everything, declared)
    return OwnershipResult((), tuple(_as_unknown(everything)))


def _presented(players: Sequence[Sighting], declared: Sequence[Sighting]) -> list[Sighting]:
    """Return the player, or the players of a carousel, that the page presents as its own;
    [] where that is unsure.
    """
    shown = [p for p in players if _is_shown(p)]
    playing = [p for p in shown if p.player and not p.player.muted_loop]
    named = [p for p in playing or shown if _is_named(p, declared)]
    if not playing and not named and any(d.candidates for d in declared):
        return []  # the players are decoration: the page names another video
    shown = playing or shown  # muted loops are decoration, unless there is nothing else
    if len(declared) == 1 and len(named) == 1:
        return named  # the page's metadata point at one of its players
    group = _main_group(shown)
    if len(group) <= 1:
        return group
    first, second = sorted((_area(p) for p in group), reverse=True)[:2]
    if first >= CLEARLY_LARGER * second:
        return [max(group, key=_area)]
    if _is_carousel(group, declared, named):
        return group
    return []


def _main_group(shown: Sequence[Sighting]) -> list[Sighting]:
    """Of several articles with players, return the post's: with the heading or its own link,
    or clearly larger.
    """
    by_container = {
        name: list(members)
        for name, members in groupby(sorted(shown, key=_container), key=_container)
    }
    groups = [[p for p in shown if _container(p) == name] for name in by_container]
    if len(groups) <= 1:
        return groups[0] if groups else []
    linked = [g for g in groups if any(p.player and p.player.holds_permalink for p in g)]
    if len(linked) == 1:
        return linked[0]
    inside = [g for g in groups if _container(g[0])]
    if len(inside) == 1:
        return inside[0]
    ordered = sorted(groups, key=lambda g: max(map(_area, g)), reverse=True)
    if max(map(_area, ordered[0])) >= CLEARLY_LARGER * max(map(_area, ordered[1])):
        return ordered[0]
    return list(shown)


def _is_carousel(
    group: Sequence[Sighting], declared: Sequence[Sighting], named: Sequence[Sighting]
) -> bool:
    """Whether several equal players are one post's: only inside one article,
    or when the page lists them as its own.
    """
    names = {_container(p) for p in group}
    if len(group) > MAX_CAROUSEL:
        return False
    if len(names) == 1 and names.pop().startswith("article"):
        return True
    return len(declared) > 1 and len(named) == len(group)


def _lone(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the only video that is left; [] where several are."""
    distinct = [s for s in sightings if s.candidates and not (s.player and s.player.advert)]
    return list(distinct) if len(distinct) == 1 else []


def _sorted(
    items: Sequence[Sighting],
    level: Ownership,
    everything: Sequence[Sighting],
    declared: Sequence[Sighting],
) -> OwnershipResult:
    """Set the ownership, and add what metadata declare about the same single video as further
    candidates.
    """
    owned = [_with_ownership(item, level) for item in items]
    if len(owned) == 1 and len(declared) == 1:
        # a file in common: both are the ladder of one video
        of_declared = level if _is_named(owned[0], declared) else Ownership.LONE
        owned = [_joined(owned[0], _with_ownership(declared[0], of_declared))]
    held = {identity(c.url) for item in owned for c in item.candidates}
    others = [
        replace(s, candidates=remaining)
        for s in everything
        if (remaining := tuple(c for c in s.candidates if identity(c.url) not in held))
    ]
    return OwnershipResult(tuple(owned), tuple(_as_unknown(others)))


def _joined(item: Sighting, named: Sighting) -> Sighting:
    """Add what the metadata announce, and their candidates;
    files that they name go first where nothing else is known.
    """
    held = {identity(c.url) for c in item.candidates}
    names = {identity(c.url) for c in named.candidates}
    more = tuple(c for c in named.candidates if identity(c.url) not in held)
    return replace(
        item,
        candidates=(*sorted(item.candidates, key=lambda c: identity(c.url) not in names), *more),
        expected=item.expected.completed_by(named.expected),
        thumbnail_url=named.thumbnail_url or item.thumbnail_url,
        media_id=item.media_id or named.media_id,
        title=item.title or named.title,
        named_by=item.named_by or named.named_by,
    )


def _as_unknown(sightings: Sequence[Sighting]) -> list[Sighting]:
    return [_with_ownership(s, Ownership.UNKNOWN) for s in sightings if s.candidates]


def _with_ownership(sighting: Sighting, level: Ownership) -> Sighting:
    return replace(
        sighting, candidates=tuple(replace(c, ownership=level) for c in sighting.candidates)
    )


def _is_named(sighting: Sighting, declared: Sequence[Sighting]) -> bool:
    names = {identity(c.url) for d in declared for c in d.candidates}
    keys = {c.media_key for d in declared for c in d.candidates if c.media_key}
    return any(identity(c.url) in names or c.media_key in keys for c in sighting.candidates)


def _is_shown(sighting: Sighting) -> bool:
    player = sighting.player
    return (
        player is not None
        and player.visible
        and player.height >= MIN_PLAYER_HEIGHT_PX
        and not player.advert
    )


def _contradicts(sighting: Sighting, declared: Sequence[Sighting], page: PageFacts) -> bool:
    """Whether the page names one video, and the player has another one: of a third site, and not as
    long.

    That is an advert's file. A player often has other files of the video that the metadata name,
    mostly on their site.
    """
    named = [d for d in declared if d.candidates]
    if len(named) != 1 or not sighting.candidates or not page.site:
        return False
    sites = {page.site, *(site_of(c.url) for c in named[0].candidates)}
    if sites & {site_of(c.url) for c in sighting.candidates}:
        return False
    played = sighting.player.duration_s if sighting.player else None
    announced = named[0].expected.duration_s
    return played is None or announced is None or abs(played - announced) > SAME_LENGTH_S


def _container(sighting: Sighting) -> str:
    return sighting.player.container if sighting.player else ""


def _area(sighting: Sighting) -> int:
    player: SeenVideo | None = sighting.player
    return player.width * player.height if player else 0
