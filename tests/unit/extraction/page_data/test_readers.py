"""What all readers have in common: untrusted data never break them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mediavault.core.failures import ExtractorBroken, Failure
from tests.unit.extraction.page_data import test_activity, test_fediverse, test_microformats
from tests.unit.extraction.page_data.reading import read
from tests.unit.platforms import (
    test_bilibili,
    test_bluesky,
    test_dailymotion,
    test_linkedin,
    test_mastodon,
    test_pinterest,
    test_snapchat,
    test_tumblr,
    test_twitch,
    test_vimeo,
    test_weibo,
)

SAMPLES: dict[str, tuple[str, list[Any]]] = {
    "activity": (test_activity.URL, [test_activity.NOTE]),
    "bilibili": (test_bilibili.URL, [test_bilibili.state(), test_bilibili.play()]),
    "bluesky": (
        test_bluesky.URL,
        [
            test_bluesky.thread(
                test_bluesky.view(
                    test_bluesky.quoting(test_bluesky.quoted_view(), test_bluesky.video())
                )
            )
        ],
    ),
    "dailymotion": (test_dailymotion.URL, [test_dailymotion.player()]),
    "linkedin": (test_linkedin.URL, [test_linkedin.player("own"), test_linkedin.metadata("own")]),
    "mastodon": (test_mastodon.URL, [test_mastodon.status(test_mastodon.attachment())]),
    "microformats": (
        test_microformats.URL,
        [test_microformats.entry(video=["https://a.test/1.mp4"], author=["x"])],
    ),
    "misskey": (test_fediverse.NOTE, [test_fediverse.note("9abcdefghi", "video/mp4")]),
    "peertube": (test_fediverse.TUBE, [test_fediverse.video()]),
    "pinterest": (
        test_pinterest.URL,
        [test_pinterest.pin(videos={"video_list": test_pinterest.levels()})],
    ),
    "snapchat": (
        test_snapchat.URL,
        [test_snapchat.page(test_snapchat.spotlight(test_snapchat.KEY, "own"))],
    ),
    "tumblr": (test_tumblr.URL, [test_tumblr.post(test_tumblr.block())]),
    "twitch": (test_twitch.URL, [test_twitch.clip()]),
    "vimeo": (test_vimeo.URL, [test_vimeo.config()]),
    "weibo": (
        test_weibo.URL,
        [test_weibo.status(page_info=test_weibo.page_info(playback_list=[test_weibo.level(720)]))],
    ),
}
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "\ud800",
    "https://[",
    [],
    {},
    [[]],
    [None, 1, {}],
    {"url": {}},
    ["x"],
)


def containers_and_keys(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a document with each of its keys."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in inner:
        yield value, key
        yield from containers_and_keys(child)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_of_an_unexpected_type_is_passed_over_anywhere(name: str) -> None:
    url, documents = SAMPLES[name]
    count = len(list(containers_and_keys(documents)))

    for index in range(count):
        for odd in ODD:
            changed = copy.deepcopy(documents)
            container, key = list(containers_and_keys(changed))[index]
            container[key] = copy.deepcopy(odd)
            try:
                read(url, *changed)
            except ExtractorBroken as exc:
                pytest.fail(f"{key!r} = {odd!r}: {exc}")
            except Failure:
                continue


@pytest.mark.parametrize("name", SAMPLES)
def test_no_reader_takes_another_posts_data_for_its_own(name: str) -> None:
    url, _ = SAMPLES[name]
    others = [
        document
        for other, (_, documents) in SAMPLES.items()
        if other != name
        for document in documents
    ]
    data = read(url, *others)

    assert data is None or not data.items
