"""TikTok's data: unmarked rungs, the marked copy, photo posts, and what it says instead."""

from __future__ import annotations

import pytest

from mediavault.core.errors import AgeRestricted, Deleted, Failure, IpBlocked, Private
from mediavault.core.media import Candidate, ItemType, Watermark
from mediavault.platforms.tiktok import TIKTOK
from mediavault.services.extraction.page_data import tiktok
from mediavault.services.extraction.page_data.document import documents
from mediavault.services.extraction.page_data.html_scan import scan
from mediavault.services.extraction.page_data.record import PageData
from tests.unit.services.extraction.samples import TIKTOK_ID, tiktok_item, tiktok_page, tiktok_post, tiktok_rung


def read(*found: object) -> PageData:
    data = tiktok.read(tiktok_post(), TIKTOK, found)
    assert data is not None
    return data


def rungs(found: PageData) -> tuple[Candidate, ...]:
    return tuple(candidate for item in found.items for candidate in item.candidates)


def from_page(detail: dict[str, object]) -> list[object]:
    return documents(scan(tiktok_page(detail)))


def test_the_rungs_carry_no_mark_and_the_download_address_does() -> None:
    found = read(*from_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}}))

    marks = {("marked" in c.url): c.watermark for c in rungs(found)}
    assert marks == {False: Watermark.NO, True: Watermark.YES}
    assert all(c.expires_at is not None and c.signed for c in rungs(found))


def test_author_text_day_and_length_are_told() -> None:
    found = read(tiktok_item())

    assert (found.handle, found.display_name, found.text) == ("jane", "Jane", "A kite #wind")
    assert found.items[0].expected.duration_s == 12
    assert found.published_at is not None
    assert found.published_at.year == 2022


def test_recommended_videos_in_the_same_data_are_never_the_posts() -> None:
    other = tiktok_item(tiktok_rung("other", "h264", 9_000_000), post_id="7999999999999999999")
    found = read({"ItemList": [other], "itemInfo": {"itemStruct": tiktok_item()}})

    assert not any("other" in c.url for c in rungs(found))


def test_an_item_answer_and_an_older_pages_state_are_read_too() -> None:
    older = {"ItemModule": {TIKTOK_ID: {**tiktok_item(), "author": "jane", "nickname": "Jane"}}}

    assert rungs(read({"itemInfo": {"itemStruct": tiktok_item()}}))
    assert read(older).handle == "jane"


def test_a_photo_post_has_pictures_and_no_video() -> None:
    images = [{"imageURL": {"urlList": [f"https://p16.tiktokcdn.com/{n}.jpeg"]}} for n in range(3)]
    found = read(tiktok_item(imagePost={"images": images}))

    assert (found.found, rungs(found), len(found.image_urls)) == (True, (), 3)
    assert [item.type for item in found.items] == [ItemType.IMAGE] * 3


def test_a_codec_that_nobody_decodes_says_so() -> None:
    found = read(tiktok_item(tiktok_rung("new", "bytevc2", 900_000)))

    assert "undecodable" in next(c for c in rungs(found) if "new" in c.url).note


@pytest.mark.parametrize(
    ("code", "kind"), [(10204, IpBlocked), (10216, Private), (10222, Private), (10215, Deleted), (10221, Deleted)]
)
def test_what_tiktok_says_instead_of_the_post(code: int, kind: type[Failure]) -> None:
    with pytest.raises(kind):
        tiktok.read(tiktok_post(), TIKTOK, from_page({"statusCode": code, "statusMsg": "x"}))


def test_a_classified_post_without_media_wants_an_age() -> None:
    item = {**tiktok_item(), "video": {"id": TIKTOK_ID}, "isContentClassified": True}

    with pytest.raises(AgeRestricted):
        tiktok.read(tiktok_post(), TIKTOK, [item])


def test_a_page_without_data_says_nothing() -> None:
    assert tiktok.read(tiktok_post(), TIKTOK, []) is None
