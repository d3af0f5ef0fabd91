"""The files for media servers, read back by the servers' rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.companions import sibling
from mediavault.core.job import ItemStatus, Job, JobItem, JobStatus
from mediavault.core.media import Account, Item, SavedFile
from mediavault.core.shows import Episode
from mediavault.library.nfo import nfo_text, server_files
from mediavault.library.sidecars import write_sidecar
from mediavault.platforms.registry import site_title
from tests.contract.stores import numbered_job
from tests.fakes import START
from tests.media_servers import Shown, in_jellyfin, in_kodi, in_plex, parse, text_of

PUBLISHED = datetime(2026, 11, 1, 12, tzinfo=UTC)
FLAT = "youtube-nasa/2026-11-01 Trains [abc].mp4"
EPISODE = "youtube-nasa/Season 2026/s2026.e110101 - Trains.mp4"
PICTURE = b"\xff\xd8\xff picture"


def facts_of(
    path: str = FLAT,
    *,
    videos: int = 1,
    place: int = 0,
    account: Account | None = None,
    **metadata: Any,
) -> Any:
    saved = SavedFile(path, sibling(path, ".jpg"), 10, "ab" * 32, 125.0, 320, 180)
    items = tuple(JobItem(Item(), ItemStatus.SAVED, saved) for _ in range(videos))
    known = {
        "title": "Trains",
        "text": "Many trains",
        "post_id": "abc",
        "published_at": PUBLISHED.isoformat(),
    }
    new = numbered_job(1, "https://www.youtube.com/watch?v=abc")
    job = Job(
        new.id, new.trace_id, new.post_url, new.canonical_url, "youtube", JobStatus.COMPLETED,
        START, START, attempt_count=1, items=items,
        account=account or Account("youtube", "nasa", "NASA", "youtube-nasa"),
        metadata={**known, **metadata},
    )  # fmt: skip
    return write_sidecar(job, None, items, place, saved, saved_at=START)


def files_of(path: str = FLAT, **changes: Any) -> dict[str, bytes]:
    """Return a library with this video and what the media servers get."""
    files = {path: b"video", sibling(path, ".jpg"): PICTURE}
    return files | {
        file.path: file.body
        for file in server_files(facts_of(path, **changes), PICTURE, site="YouTube")
    }


def test_each_account_is_a_folder_of_home_videos() -> None:
    files = files_of()
    video = Shown("Trains", None, None, (), "2026-11-01", 2, sibling(FLAT, ".jpg"))

    assert in_jellyfin(FLAT, files) == video
    assert in_kodi(FLAT, files) == replace(video, picture=FLAT.replace(".mp4", "-thumb.jpg"))
    assert in_plex(FLAT, files) == Shown(
        "2026-11-01 Trains [abc]", None, None, (), None, None, sibling(FLAT, ".jpg")
    )
    assert set(files) == {
        FLAT,
        *(FLAT.replace(".mp4", end) for end in (".jpg", "-thumb.jpg", ".nfo")),
    }


def test_each_account_is_a_show_with_a_season_for_each_year() -> None:
    files = files_of(EPISODE)
    video = Shown("Trains", "NASA", 2026, (110_101,), "2026-11-01", 2, sibling(EPISODE, ".jpg"))

    assert in_jellyfin(EPISODE, files) == video
    assert in_kodi(EPISODE, files) == replace(video, picture=EPISODE.replace(".mp4", "-thumb.jpg"))
    assert in_plex(EPISODE, files) == replace(video, show="youtube-nasa", date=None, minutes=None)
    show = "youtube-nasa"
    assert set(files) - {
        EPISODE,
        *(EPISODE.replace(".mp4", end) for end in (".jpg", "-thumb.jpg", ".nfo")),
    } == {
        f"{show}/tvshow.nfo",
        f"{show}/poster.jpg",
        f"{show}/fanart.jpg",
        f"{show}/season2026-poster.jpg",
        f"{show}/Season 2026/Season2026.jpg",
        f"{show}/Season 2026/season.nfo",
    }


def test_emby_finds_the_seasons_name_and_number() -> None:
    season = parse(files_of(EPISODE)["youtube-nasa/Season 2026/season.nfo"])

    assert (text_of(season, "seasonnumber"), text_of(season, "title")) == ("2026", "2026")


def test_without_a_picture_only_the_nfos_are_written() -> None:
    assert {
        file.path.rpartition(".")[2]
        for file in server_files(facts_of(EPISODE), None, site="YouTube")
    } == {"nfo"}


def test_the_videos_of_one_post_are_numbered() -> None:
    root = parse(files_of(videos=3, place=1)[sibling(FLAT, ".nfo")])

    assert text_of(root, "title") == "Trains (2/3)"
    assert text_of(root, "uniqueid") == "abc-2"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Trains \x00\x0b\x1b[31m & <tracks> ]]>", "Trains [31m & <tracks> ]]>"),
        ("cut \ud83d", "cut"),
        ("\ufffe\uffffnothing", "nothing"),
        ("🚂 Trains 🚂🚃 today 👩‍🔬!", "Trains today !"),
        ("𝗕𝗼𝗹𝗱 𝓣𝓻𝓪𝓲𝓷𝓼", "Bold Trains"),
        ("𠀋 ideographs 𐎀", "□ ideographs □"),
        ("🇩🇪❤️", "❤️"),
        ("🚂🚃", "Many trains"),
        ("", "Many trains"),
        ("two\nlines\u2028here", "two lines here"),
        ("x" * 10_000, "x" * 249 + "…"),
    ],
)
def test_any_title_is_one_that_every_server_reads(title: str, shown: str) -> None:
    for path in (FLAT, EPISODE):
        files = files_of(path, title=title)

        assert text_of(parse(files[sibling(path, ".nfo")]), "title") == shown
        assert in_kodi(path, files) is not None


@given(
    title=st.text(),
    text=st.text(),
    name=st.text(),
    post_id=st.text(),
    published=st.none() | st.text(),
)
def test_whatever_a_post_says_its_nfos_can_be_read(
    title: str, text: str, name: str, post_id: str, published: str | None
) -> None:
    account = Account("youtube", name, name, "youtube-nasa")
    files = files_of(
        EPISODE, title=title, text=text, account=account, post_id=post_id, published_at=published
    )

    for show in (in_jellyfin(EPISODE, files), in_kodi(EPISODE, files)):
        assert show is not None
        assert all((show.title, show.show, show.date))


def test_texts_without_trouble_stay_as_they_are() -> None:
    text = "Zwölf Züge – «trois» 列車 का\nzwei\tZeilen"

    assert nfo_text(text) == text


def test_the_day_of_an_unknown_date_is_that_of_the_submission() -> None:
    root = parse(files_of(published_at=None)[sibling(FLAT, ".nfo")])

    assert text_of(root, "premiered") == f"{START:%Y-%m-%d}"


@pytest.mark.parametrize("seconds", [0.4, 29.0, 30.0, 60.0, 5_431.0])
def test_the_length_is_in_whole_minutes(seconds: float) -> None:
    facts = facts_of()
    facts["video"]["duration_s"] = seconds
    root = parse(next(iter(server_files(facts, None, site="YouTube"))).body)

    assert text_of(root, "runtime") == str(max(1, round(seconds / 60)))


@pytest.mark.parametrize(
    "title",
    [
        "Rewatching S01E02",
        "s1 e5 and friends2e7",
        "S01E01S01E02",
        "e05 – E06",
        "x264-e5",
        "My sample track",
        "the.sample.file",
        "sample",
        "Trailer",
        "Big-trailer",
        "New: the short",
        "A - Extra",
        "2026-11-01",
        "1920x1080",
        "Season 3",
        "/../etc",
        "🚂",
        "",
        "x" * 400,
    ],
)
def test_no_title_makes_a_video_another_episode_or_none(title: str) -> None:
    path = f"youtube-nasa/Season 2026/{Episode('youtube-nasa', 2026, 110_101).stem(title)}.mp4"
    files = files_of(path, title=title)

    for shown in (in_jellyfin(path, files), in_kodi(path, files), in_plex(path, files)):
        assert shown is not None
        assert (shown.season, shown.episodes) == (2026, (110_101,))
    assert len(path.rpartition("/")[2].encode()) <= 190


@pytest.mark.parametrize(
    ("platform", "url", "studio"),
    [
        ("youtube", "https://www.youtube.com/watch?v=abc", "YouTube"),
        ("tiktok", "https://www.tiktok.com/@jane/video/1", "TikTok"),
        ("generic", "https://www.blog.example/1", "blog.example"),
        ("generic", "sha256:00", None),
    ],
)
def test_the_studio_is_the_sites_own_name(platform: str, url: str, studio: str | None) -> None:
    nfo, *_ = server_files(facts_of(), None, site=site_title(platform, url))

    assert parse(nfo.body).findtext("studio") == studio
