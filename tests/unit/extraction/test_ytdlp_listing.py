"""Reading a list entry by entry: what is requested, what is kept, and when the reading stops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mediavault.extraction.ytdlp_listing import MAX_DESCRIPTION_CHARS, ListReader

CHANNEL = "https://tube.example/@jane/videos"


class Site:
    """A site with pages of two posts each; it counts the pages that were requested."""

    def __init__(self, pages: int = 5, *, breaks_at: int | None = None) -> None:
        self.pages, self.breaks_at = pages, breaks_at
        self.requested = 0

    def entries(self) -> Iterator[dict[str, Any]]:
        for page in range(self.pages):
            if page == self.breaks_at:
                raise KeyError("videoRenderer")
            self.requested += 1
            yield video(2 * page + 1)
            yield video(2 * page + 2)


def video(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://tube.example/watch?v={number}"
    return {
        "_type": "url",
        "ie_key": "Tube",
        "id": str(number),
        "url": url,
        "title": f"Nr. {number}",
        **more,
    }


def playlist(entries: Any, **more: Any) -> dict[str, Any]:
    return {"_type": "playlist", "id": "UC1", "title": "Jane", "entries": entries, **more}


class Reading:
    """A reader of raw results, by their URLs, and what it reported."""

    def __init__(
        self, results: Mapping[str, Any], *, late_after: int | None = None, **request: Any
    ) -> None:
        self.errors: list[Exception] = []
        self.extracted: list[str] = []
        self._results, self._asked, self._late_after = results, 0, late_after
        self._reader = ListReader(
            {"list": CHANNEL, **request},
            extract=self._extract,
            lists=lambda key: key == "TubeTab",
            report=self.errors.append,
            is_late=self._is_late,
        )
        self.answer = self._reader.read()

    def _extract(self, url: str, _key: str | None) -> Any:
        self.extracted.append(url)
        return self._results.get(url)

    def _is_late(self) -> bool:
        self._asked += 1
        return self._late_after is not None and self._asked >= self._late_after

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.answer["entries"]]


def test_a_list_is_read_to_its_end() -> None:
    reading = Reading({CHANNEL: playlist(Site(2).entries())})

    assert (reading.ids, reading.answer["ended"], reading.errors) == (
        ["1", "2", "3", "4"],
        "end",
        [],
    )


def test_no_page_is_requested_after_as_many_entries_as_were_asked_for() -> None:
    site = Site()
    reading = Reading({CHANNEL: playlist(site.entries())}, limit=4)

    assert (reading.ids, reading.answer["ended"], site.requested) == (
        ["1", "2", "3", "4"],
        "limit",
        2,
    )


def test_no_page_is_requested_after_known_posts_in_a_row() -> None:
    site = Site()
    reading = Reading(
        {CHANNEL: playlist(site.entries())}, known=["2", "3", "4"], stop_after_known=3
    )

    assert (reading.ids, reading.answer["ended"], site.requested) == (
        ["1", "2", "3", "4"],
        "known",
        2,
    )


def test_known_posts_between_new_ones_stop_nothing() -> None:
    reading = Reading(
        {CHANNEL: playlist(Site(3).entries())}, known=["1", "3", "5"], stop_after_known=2
    )

    assert (len(reading.ids), reading.answer["ended"]) == (6, "end")


def test_known_posts_stop_nothing_in_a_list_without_an_order() -> None:
    reading = Reading({CHANNEL: playlist(Site(2).entries())}, known=["1", "2", "3", "4"])

    assert (len(reading.ids), reading.answer["ended"]) == (4, "end")


def test_a_post_is_known_by_the_id_in_its_url_too() -> None:
    entries = [video(1, id="v1"), video(2, id="v2")]

    assert Reading({CHANNEL: playlist(entries)}, known=["1"], stop_after_known=1).ids == ["v1"]


def test_what_was_read_before_an_error_is_kept() -> None:
    reading = Reading({CHANNEL: playlist(Site(breaks_at=2).entries())})

    assert (reading.ids, reading.answer["ended"]) == (["1", "2", "3", "4"], "error")
    assert [type(error) for error in reading.errors] == [KeyError]


def test_what_was_read_within_the_time_is_kept() -> None:
    site = Site()
    reading = Reading({CHANNEL: playlist(site.entries())}, late_after=3)

    assert (reading.ids, reading.answer["ended"], site.requested) == (["1", "2", "3"], "time", 2)


def test_the_tabs_of_a_page_are_read_one_after_the_other() -> None:
    shorts = "https://tube.example/@jane/shorts"
    tabs = [playlist(Site(1).entries()), {"_type": "url", "ie_key": "TubeTab", "url": shorts}]
    reading = Reading({CHANNEL: playlist(tabs), shorts: playlist([video(8)])})

    assert (reading.ids, reading.extracted) == (["1", "2", "8"], [CHANNEL, shorts])


def test_known_posts_in_one_tab_do_not_hide_those_in_the_next() -> None:
    tabs = [playlist([video(1), video(2)]), playlist([video(8), video(1)])]

    assert Reading({CHANNEL: playlist(tabs)}, known=["1"], stop_after_known=1).ids == [
        "1",
        "8",
        "1",
    ]


def test_posts_and_lists_deeper_in_a_list_are_never_looked_at() -> None:
    deep = playlist([playlist([playlist([video(1)])]), video(2)])
    reading = Reading({CHANNEL: deep})

    assert (reading.ids, reading.extracted, reading.answer["ended"]) == (["2"], [CHANNEL], "error")


def test_a_list_behind_another_url_is_followed_with_the_fields_of_the_reference() -> None:
    moved = "https://tube.example/channel/UC1"
    old = {"_type": "url_transparent", "url": moved, "ie_key": "TubeTab", "title": "Jane’s films"}
    answer = Reading({CHANNEL: old, moved: playlist([video(1)])}).answer

    assert (answer["list"]["title"], answer["list"]["id"], len(answer["entries"])) == (
        "Jane’s films",
        "UC1",
        1,
    )


def test_urls_that_lead_to_each_other_are_followed_three_times() -> None:
    reading = Reading({CHANNEL: {"_type": "url", "url": CHANNEL}})

    assert (len(reading.extracted), reading.answer["list"], len(reading.errors)) == (4, None, 1)


@pytest.mark.parametrize(
    ("found", "expected"), [(None, None), ({"id": "1", "url": "https://cdn/1.mp4"}, {"id": "1"})]
)
def test_a_url_without_a_list_has_no_entries(found: Any, expected: Any) -> None:
    answer = Reading({CHANNEL: found}).answer

    assert (answer["list"], answer["entries"], answer["ended"]) == (expected, [], "error")


def test_entries_that_are_not_objects_are_left_out() -> None:
    assert Reading({CHANNEL: playlist([None, "x", video(1), 7])}).ids == ["1"]


def test_an_entry_has_only_the_fields_in_use_and_never_the_url_of_a_file() -> None:
    whole = {
        "id": "1",
        "url": "https://cdn/1.mp4",
        "webpage_url": "https://tube.example/1",
        "extractor_key": "Tube",
        "description": "x" * 10**5,
        "title": ["a"],
        "formats": [{}],
        "duration": 7.5,
    }
    (entry,) = Reading({CHANNEL: playlist([whole])}).answer["entries"]

    assert entry == {
        "id": "1",
        "url": "https://tube.example/1",
        "ie_key": "Tube",
        "description": "x" * MAX_DESCRIPTION_CHARS,
        "title": None,
        "duration": 7.5,
        "thumbnail": None,
    }


def test_the_best_picture_of_a_list_is_the_preferred_then_the_largest() -> None:
    pictures = [
        {"url": "https://cdn/small", "width": 88, "height": 88},
        {"url": "https://cdn/large", "width": 900, "height": 900},
        {"url": "https://cdn/banner", "width": 2560, "height": 424, "preference": -10},
    ]

    assert (
        Reading({CHANNEL: playlist([], thumbnails=pictures)}).answer["list"]["thumbnail"]
        == "https://cdn/large"
    )
    assert (
        Reading({CHANNEL: playlist([], thumbnail="https://cdn/1")}).answer["list"]["thumbnail"]
        == "https://cdn/1"
    )
