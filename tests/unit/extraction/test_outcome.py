"""The outcome of reading a saved page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediavault.core.failures import (
    AgeRestricted,
    BadInput,
    BadUrl,
    Challenge,
    Deleted,
    Drm,
    IpBlocked,
    LoginRequired,
    MediavaultError,
    NotAPost,
    Private,
    RegionLocked,
    Unsupported,
)
from mediavault.core.media import Item, ItemRole, LiveNow, Ownership
from mediavault.extraction.outcome import PageOutcome, ShownPage, outcome_of, outcome_of_error
from tests.stubs import candidate, extraction


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        (Deleted, "gone"),
        (Private, "private"),
        (LoginRequired, "login_required"),
        (AgeRestricted, "age_restricted"),
        (RegionLocked, "region_locked"),
        (LiveNow, "live"),
        (Drm, "drm"),
        (Challenge, "challenge"),
        (IpBlocked, "challenge"),
        (NotAPost, "not_a_post"),
        (Unsupported, "unsupported"),
        (BadUrl, "unsupported"),
        (BadInput, "unreadable"),
    ],
)
def test_every_condition_has_its_outcome(condition: type[MediavaultError], word: str) -> None:
    assert outcome_of_error(condition("…")) == word


def test_a_video_whose_every_form_is_protected_is_drm() -> None:
    def word(*drm: bool) -> PageOutcome:
        result = extraction(
            *(
                candidate(f"https://cdn.site.test/{n}.mpd", drm=protected)
                for n, protected in enumerate(drm)
            )
        )
        return outcome_of(result, ShownPage(own_data=True, a_video=True))

    assert (word(True, True), word(True, False)) == (PageOutcome.DRM, PageOutcome.VIDEO)


@pytest.mark.parametrize(
    ("items", "word"),
    [
        ((), PageOutcome.NO_VIDEO),
        ((Item((candidate(),), role=ItemRole.QUOTED),), PageOutcome.NO_OWN_VIDEO),
        ((Item(),), PageOutcome.METADATA_ONLY),  # a video whose files are elsewhere
    ],
)
def test_the_outcome_of_a_post_without_a_file(items: tuple[Item, ...], word: PageOutcome) -> None:
    result = replace(extraction(), items=items, others=())

    assert outcome_of(result, ShownPage(own_data=True, words=True)) is word


@pytest.mark.parametrize(
    ("count", "of_other_posts", "announces", "word"),
    [
        (2, False, False, PageOutcome.AMBIGUOUS),
        (1, False, False, PageOutcome.NO_OWN_VIDEO),
        (2, True, False, PageOutcome.NO_OWN_VIDEO),
        (2, True, True, PageOutcome.METADATA_ONLY),
    ],
)
def test_the_outcome_of_videos_that_are_not_surely_the_posts(
    count: int, of_other_posts: bool, announces: bool, word: PageOutcome
) -> None:
    unsure = [
        candidate(f"https://cdn.site.test/{n}.mp4", ownership=Ownership.UNKNOWN)
        for n in range(count)
    ]

    shown = ShownPage(a_video=announces, words=True, others_only=of_other_posts)
    assert outcome_of(extraction(*unsure), shown) is word


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        (ShownPage(words=True), PageOutcome.NO_VIDEO),
        (ShownPage(), PageOutcome.METADATA_ONLY),
        (ShownPage(words=True, a_video=True), PageOutcome.METADATA_ONLY),
        (ShownPage(words=True, others_videos=True), PageOutcome.NO_OWN_VIDEO),
        (
            ShownPage(a_video=True, others_videos=True),
            PageOutcome.METADATA_ONLY,
        ),  # it has a video, which is not one of the others
        (ShownPage(own_data=True, others_videos=True), PageOutcome.NO_VIDEO),
        (ShownPage(index=True, words=True, a_video=True), PageOutcome.MANY_POSTS),
        (ShownPage(posts=1), PageOutcome.NO_OWN_VIDEO),
        (ShownPage(posts=2, others_videos=True), PageOutcome.MANY_POSTS),
    ],
)
def test_no_video_is_reported_only_where_the_post_itself_was_seen(
    shown: ShownPage, word: PageOutcome
) -> None:
    assert outcome_of(replace(extraction(), items=(), others=()), shown) is word
