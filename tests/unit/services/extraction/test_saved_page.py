"""Saved pages and answers, read without the network."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mediavault.core.errors import Ambiguous, MediavaultError, NoVideo
from mediavault.core.media import Extraction
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.registry import identify
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.x import X
from mediavault.services.extraction.ranking import choose, videos_to_save
from mediavault.services.extraction.saved_page import extract_saved
from tests.unit.services.extraction.samples import (
    CDN,
    meta,
    page_post,
    tiktok_item,
    tiktok_page,
    tiktok_post,
    tweet,
    x_answer,
    x_post,
    x_video,
)

SHARED = Path(__file__).resolve().parents[5] / "shared" / "fixtures"


def best(found: Extraction) -> str:
    return choose(videos_to_save(found)[0]).url


def page(html: str) -> Extraction:
    return extract_saved(GENERIC, page_post(), html.encode())


def test_a_saved_answer_is_read_like_a_live_one() -> None:
    found = extract_saved(X, x_post(), json.dumps(x_answer(tweet(x_video()))).encode())

    assert "1280x720" in best(found)
    assert found.extractor == "saved_page"


def test_a_saved_page_is_read_like_a_live_one() -> None:
    html = tiktok_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}})

    assert "good" in best(extract_saved(TIKTOK, tiktok_post(), html.encode()))


def test_a_written_player_is_the_posts() -> None:
    found = page(f'<article><video src="{CDN}a.mp4"></video></article><video src="{CDN}b.mp4" muted loop></video>')

    assert best(found) == f"{CDN}a.mp4"


def test_several_written_players_of_one_article_are_a_carousel() -> None:
    found = page("<article>" + "".join(f'<video src="{CDN}{n}.mp4"></video>' for n in range(3)) + "</article>")

    assert [choose(item).url for item in found.videos] == [f"{CDN}{n}.mp4" for n in range(3)]


def test_several_written_players_that_share_nothing_are_nobodys() -> None:
    with pytest.raises(Ambiguous):
        videos_to_save(page(f'<video src="{CDN}a.mp4"></video><video src="{CDN}b.mp4"></video>'))


def test_a_page_with_metadata_only_has_a_story_and_no_candidates() -> None:
    found = page(meta("og:title", "A kite") + meta("og:image", f"{CDN}t.jpg"))

    assert (found.title, found.thumbnail_url, found.candidates) == ("A kite", f"{CDN}t.jpg", ())
    with pytest.raises(NoVideo):
        videos_to_save(found)


@pytest.mark.parametrize("platform", [X, TIKTOK, GENERIC], ids=lambda p: p.name)
@pytest.mark.parametrize(
    "document",
    [
        b"",
        bytes(range(256)) * 100,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"<div>" * 100_000,
        b"<article>" * 10_000 + b"<video src=a.mp4>" * 10_000,
        b'<meta property="og:video" content="https://a.test/a.mp4">' * 5_000,
        b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script>",
        b"<" * 500_000,
    ],
    ids=["empty", "binary", "deep list", "deep object", "deep page", "players", "cards", "deep script", "angles"],
)
def test_no_document_is_too_odd_for_a_clear_answer(platform: Platform, document: bytes) -> None:
    post = {"x": x_post, "tiktok": tiktok_post}.get(platform.name, page_post)()

    assert len(extract_saved(platform, post, document).candidates) <= 60


# --- real pages, where they are at hand ---------------------------------------------------------------------------

READ_NOW = {"x", "tiktok", "instagram", "giphy", "bluesky"}  # the others need readers that do not exist yet
HANDLES = {"x", "tiktok", "bluesky"}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_pages_give_the_best_video_that_their_table_names() -> None:
    with (SHARED / "manifest.tsv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t")
            if row["platform"] in READ_NOW and row["outcome"] != "many_posts"
        ]
    wrong = [(row["local_file"], found) for row in rows if (found := _best(row)) != row["best_video"]]

    assert len(rows) >= 13
    assert wrong == []


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_pages_give_author_and_thumbnail() -> None:
    with (SHARED / "manifest.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["platform"] in HANDLES]
    told = [
        (row["local_file"], f.account.handle, f.account.display_name, f.thumbnail_url)
        for row in rows
        if (f := _read(row))
    ]

    assert told == [(row["local_file"], row["handle"], row["display_name"], row["thumbnail"]) for row in rows]


def _read(row: dict[str, str]) -> Extraction:
    post, platform = identify(parse_http_url(row["post_url"]))
    return extract_saved(platform, post, (SHARED / row["local_file"]).read_bytes())


def _best(row: dict[str, str]) -> str:
    try:
        return best(_read(row))
    except MediavaultError:
        return ""
