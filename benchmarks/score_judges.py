"""Holds the product's answers against the cases. It asks the functions that the commands ask, without starting any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from benchmarks.score_cases import Answer, Cases, Row, Section, counts_of, known_cells
from mediavault.commands import check
from mediavault.commands.inspecting import saved_as_dict
from mediavault.commands.playlist_look import look_at_playlist
from mediavault.commands.saved_page import look_at_saved_page
from mediavault.platforms.classification import classify
from mediavault.platforms.registry import all_platforms, platform_of_media
from mediavault.services.extraction.media_urls import media_facts
from mediavault.services.media.probe import standing_probe

BEST, FALSE_POSITIVES, ERROR = "best URL", "false positives", "error"
DURATION_TOLERANCE_S = 0.05  # playlists round their segments' durations
FILES_AT_A_TIME = 16

OURS = frozenset(platform.name for platform in all_platforms()) - {"generic"}
NOWHERE = "none"  # what the tables write for an address that no public site has

# What the tables call an address -> the kind it has. Others ("other", "non_post", …) only say what it is not.
_KINDS: Mapping[str, str] = {
    "profile": "profile", "playlist": "playlist", "story": "story", "story_all": "story",
    "share_link": "redirect", "short_link": "redirect", "tricky": "unsupported", "non_http": "unsupported",
}  # fmt: skip
_POST_KINDS = frozenset({"post", "post_no_handle", "video_link"})  # also where the post has no video
_UNDECIDED = frozenset({"", "unknown", "debatable", "generic"})
_MEDIA_KINDS: Mapping[str, str] = {"direct_mp4": "direct", "redirect_to_mp4": "direct"}


# --- saved pages ------------------------------------------------------------------------------------------------


def judge_pages(cases: Cases) -> Iterator[Answer]:
    for row in cases.pages:
        yield from _guarded(Section.PAGES, row, _judge_page, cases.path(row))


def _judge_page(row: Row, path: Path) -> Iterator[Answer]:
    look = look_at_saved_page(row["post_url"] or None, path)
    found = saved_as_dict(look)
    first = (
        look.choice.url if look.choice else next((item["chosen"] for item in found["items"] if item["chosen"]), None)
    )
    yield _page(row, "outcome", row["outcome"], str(found["outcome"]))
    if row["outcome"] != "video":
        yield _page(row, FALSE_POSITIVES, None, first)
    elif row["best_video"]:
        yield _page(row, BEST, row["best_video"], first)
    for name, expected in known_cells(row, ("handle", "display_name", "post_id", "thumbnail")).items():
        yield _page(row, name.replace("_", " "), expected, found[name])


def _page(row: Row, measure: str, expected: object, got: object) -> Answer:
    return Answer(Section.PAGES, row["platform"], measure, row["local_file"], expected, got, expected == got)


# --- addresses --------------------------------------------------------------------------------------------------


def judge_addresses(cases: Cases) -> Iterator[Answer]:
    for row in cases.post_urls:
        yield from _guarded(Section.ADDRESSES, row, _judge_address)


def _judge_address(row: Row) -> Iterator[Answer]:
    found = classify(row["url"])
    site = row["platform"]
    right_site = found.platform == site if site in OURS else found.platform in {None, "generic"}
    yield _address(row, "platform", site, found.platform, right=right_site)
    if wanted := wanted_kind(row):
        yield _address(row, "kind", wanted, str(found.kind), right=fits(str(found.kind), wanted))
    if site not in OURS:
        return
    for name, expected in told_by_address(row).items():
        got = getattr(found, name)
        yield _address(row, name.replace("_", " "), expected, got, right=got == expected)


def wanted_kind(row: Row) -> str | None:
    """The kind that an address should have, "not a post" where only that is sure, None where nobody decided."""
    supported, called = row["is_supported_video"], row["url_kind"]
    if supported in _UNDECIDED or (row["platform"] not in {*OURS, NOWHERE} and supported != "yes"):
        return None
    if supported == "yes" or (called in _POST_KINDS and supported == "no"):
        return "post"
    return _KINDS.get(called, "redirect" if supported == "redirect" else "not a post")


def fits(kind: str, wanted: str) -> bool:
    return kind != "post" if wanted == "not a post" else kind == wanted


def told_by_address(row: Row) -> dict[str, str]:
    """Handle, id and canonical form, as far as the address itself holds them; the tables know some from elsewhere."""
    written = unquote(row["url"]).casefold()
    told = known_cells(row, ("handle", "post_id", "canonical_url"))
    return {name: value for name, value in told.items() if name == "canonical_url" or value.casefold() in written}


def _address(row: Row, measure: str, expected: object, got: object, *, right: bool) -> Answer:
    return Answer(Section.ADDRESSES, row["platform"], measure, row["url"], expected, got, right)


def judge_media_addresses(cases: Cases) -> Iterator[Answer]:
    for row in cases.media_urls:
        yield from _guarded(Section.MEDIA_ADDRESSES, row, _judge_media_address)


def _judge_media_address(row: Row) -> Iterator[Answer]:
    found = media_facts(row["url"], platform_of_media(row["url"]))
    wanted: dict[str, tuple[object, object]] = {
        "platform": (row["platform"] if row["platform"] in OURS else "generic", found.platform),
        "kind": (_MEDIA_KINDS.get(row["kind"], row["kind"]), str(found.kind)),
        "signed": (row["signed"], "yes" if found.signed else "no"),
        "watermark": (row["watermarked"], str(found.watermark)),
    }
    for measure, (expected, got) in wanted.items():
        if expected:
            yield _media(row, measure, expected, got)
    yield _media(row, "expiry", int(row["expiry_epoch"]) if row["expiry_epoch"] else None, found.expires_at)


def _media(row: Row, measure: str, expected: object, got: object) -> Answer:
    return Answer(Section.MEDIA_ADDRESSES, row["platform"], measure, row["url"], expected, got, expected == got)


# --- files and playlists ----------------------------------------------------------------------------------------


def judge_files(cases: Cases) -> list[Answer]:
    return asyncio.run(_judge_files(cases))


async def _judge_files(cases: Cases) -> list[Answer]:
    answers: list[Answer] = []
    async with standing_probe() as probe:

        async def verdict(row: Row) -> Answer:
            path = cases.path(row)
            if not path.is_file():
                return _file(row, "the file is missing", right=False)
            try:
                found = check.as_dict(str(path), await probe.look_into(path))
            except Exception as exc:
                return _file(row, _told(exc), right=False)
            got = f"{found['verdict']}: {found['reason']}" if found["reason"] else found["verdict"]
            return _file(row, got, right=found["verdict"] == row["outcome"])

        for start in range(0, len(cases.files), FILES_AT_A_TIME):
            answers += await asyncio.gather(*map(verdict, cases.files[start : start + FILES_AT_A_TIME]))
    return answers


def _file(row: Row, got: str, *, right: bool) -> Answer:
    return Answer(Section.FILES, row["platform"], "verdict", row["local_file"], row["outcome"], got, right)


def judge_playlists(cases: Cases) -> Iterator[Answer]:
    for row in cases.playlists:
        yield from _guarded(Section.PLAYLISTS, row, _judge_playlist, cases.path(row))


def _judge_playlist(row: Row, path: Path) -> Iterator[Answer]:
    found = look_at_playlist(path, None, row["post_url"])
    for measure, (expected, got) in _counts(counts_of(row), found).items():
        right = expected == got
        if measure == "duration" and isinstance(expected, int | float):
            right = got is not None and abs(float(expected) - float(str(got))) <= DURATION_TOLERANCE_S
        yield Answer(Section.PLAYLISTS, row["platform"], measure, row["local_file"], expected, got, right)


def _counts(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """What the row asks, in our words. A master lists no segments and says nothing of an end."""
    is_master = bool(wanted.get("master"))
    pairs: dict[str, tuple[object, object]] = {}
    if "master" in wanted:
        pairs["role"] = ("master" if is_master else "media", found["role"])
    for name in ("variants", "segments", "maps"):
        if name in wanted and not (is_master and name != "variants"):
            pairs[name] = (wanted[name], found[name])
    if is_master:
        return pairs
    if "duration" in wanted:
        pairs["duration"] = (wanted["duration"], found["duration_s"] or 0)
    if "endlist" in wanted:
        pairs["live"] = (not wanted["endlist"] and str(wanted.get("ptype")).lower() != "vod", found["live"])
    if "keys" in wanted:
        pairs["encrypted"] = (any(key != "NONE" for key in wanted["keys"]), found["encrypted"])
    return pairs


# --- all --------------------------------------------------------------------------------------------------------


def judge(cases: Cases) -> list[Answer]:
    """Every answer, right and wrong, in the order of the tables. What raises is an answer too: a wrong one."""
    by_row: Iterable[Callable[[Cases], Iterable[Answer]]] = (
        judge_pages,
        judge_addresses,
        judge_media_addresses,
        judge_files,
        judge_playlists,
    )
    return [answer for judge_all in by_row for answer in judge_all(cases)]


def _guarded(section: Section, row: Row, judge_one: Callable[..., Iterator[Answer]], *more: Path) -> Iterator[Answer]:
    try:
        if more and not more[0].is_file():
            raise FileNotFoundError("the file is missing")
        yield from list(judge_one(row, *more))
    except Exception as exc:
        case = row.get("local_file") or row.get("url", "")
        yield Answer(section, row.get("platform", ""), ERROR, case, "an answer", _told(exc), right=False)


def _told(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"
