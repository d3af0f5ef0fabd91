"""The documents of RSS feeds: valid for every text, and read by feed readers as they were meant."""

from __future__ import annotations

from calendar import timegm
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import struct_time

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.job import ItemStatus, Job, JobId, JobItem, JobStatus
from mediavault.core.media import Account, Item, SavedFile
from mediavault.features.rss.document import atom_document, rss_document
from mediavault.features.rss.model import RssFeed
from mediavault.features.rss.pages.documents import channel_of, enclosure_of
from mediavault.presentation.opml import feed_outline, opml_document
from tests.feed_rules import atom_problems, opml_problems, rss_problems
from tests.ui.hostile_texts import payloads

AT = datetime(2026, 11, 29, 12, 0, 5, tzinfo=UTC)
FEED = RssFeed(
    key="digest",
    uid="6f7c1a34-9f0e-4d0a-9b62-b8f6a2f2f6a1",
    name="Trains",
    made_at=AT,
    user="owner",
    filter="",
    locale="en",
    zone="",
    base="",
)
FOLDER = "https://vault.example/feeds/secret/"
SAVED = SavedFile("jane/A film [1].mp4", "jane/A film [1].jpg", 123_456, "ab" * 32, 61.4, 320, 180)


def post(number: int = 1, *, items: int = 1, **change: object) -> Job:
    saved = [
        JobItem(Item(), ItemStatus.SAVED, replace(SAVED, output_path=f"jane/{n}.mp4"))
        for n in range(items)
    ]
    job = Job(
        id=JobId(f"01930000-0000-7000-8000-{number:012}"),
        trace_id="0" * 32,
        post_url=f"https://videos.example/watch/{number}",
        canonical_url=f"https://videos.example/watch/{number}",
        platform="x",
        status=JobStatus.COMPLETED,
        created_at=AT - timedelta(hours=number),
        updated_at=AT,
        completed_at=AT - timedelta(minutes=number),
        max_attempts=5,
        account=Account("x", "jane", "Jane Rail", "x-jane"),
        metadata={
            "title": "Night train & more",
            "text": "Look <b> at\nhttps://x.example/?a=1&b=2.",
            "published_at": "2026-01-02T03:04:05+00:00",
        },
        items=tuple(saved),
    )
    return replace(job, **change)  # type: ignore[arg-type]


def moment(parsed: struct_time) -> datetime:
    return datetime.fromtimestamp(timegm(parsed), UTC)


def documents(*jobs: Job, feed: RssFeed = FEED) -> tuple[bytes, bytes]:
    home = "https://vault.example/library?q=trains"
    rss, atom = (
        channel_of(feed, jobs, folder=FOLDER, document=name, home=home)
        for name in ("rss.xml", "atom.xml")
    )
    return rss_document(rss), atom_document(atom)


def test_a_feed_reader_finds_the_posts_with_their_files() -> None:
    rss, atom = (feedparser.parse(document) for document in documents(post(1), post(2)))

    for parsed in (rss, atom):
        assert not parsed.bozo
        first, second = parsed.entries
        assert (first.title, second.id != first.id) == ("Night train & more", True)
        [enclosure] = first.enclosures
        assert enclosure.href == f"{FOLDER}01930000-0000-7000-8000-000000000001-0.mp4"
        assert (enclosure.length, enclosure.type) == ("123456", "video/mp4")
        assert first.link == "https://videos.example/watch/1"
        assert moment(first.published_parsed) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert first.author == "Jane Rail"
    assert rss.version == "rss20"
    assert atom.version == "atom10"
    assert rss.entries[0].id == atom.entries[0].id
    assert rss.entries[0].itunes_duration == "61"
    assert rss.feed.itunes_block == 1
    assert rss.feed.language == "en"


@pytest.mark.parametrize(
    ("published", "shown"),
    [
        ("2026-02-11T08:00:00+02:00", datetime(2026, 2, 11, 6, 0, 0, tzinfo=UTC)),
        (None, AT - timedelta(minutes=1)),
        # apps hide an episode until its date has come
        ("2027-01-01T00:00:00+00:00", AT - timedelta(minutes=1)),
        ("0001-01-01T00:00:00+14:00", AT - timedelta(minutes=1)),
    ],
)
def test_an_items_date_is_its_posts_publication_and_else_when_it_was_saved(
    published: str | None, shown: datetime
) -> None:
    for document in documents(post(metadata={"title": "Night train", "published_at": published})):
        [entry] = feedparser.parse(document).entries
        assert moment(entry.published_parsed) == shown


def test_a_document_lists_the_newest_first_and_says_when_the_last_post_was_saved() -> None:
    """Earlier posts are saved newest first: by saving,
    the first episode of a channel would be on top.
    """
    dates = {1: "2025-01-01", 2: "2025-03-01", 3: "2025-02-01"}  # by number: 1 was saved last
    jobs = [
        post(number, items=2, metadata={"title": date, "published_at": f"{date}T00:00:00+00:00"})
        for number, date in dates.items()
    ]
    rss, atom = (feedparser.parse(document) for document in documents(*jobs))

    for parsed in (rss, atom):
        assert [entry.title for entry in parsed.entries] == [
            f"{date} ({number}/2)"
            for date in ("2025-03-01", "2025-02-01", "2025-01-01")
            for number in (1, 2)
        ]
        assert moment(parsed.feed.updated_parsed) == AT - timedelta(minutes=1)
    assert moment(atom.entries[-1].updated_parsed) == AT - timedelta(minutes=1)


def test_a_description_links_the_original_post_and_what_its_text_links() -> None:
    rss, _ = documents(post())
    summary = feedparser.parse(rss, sanitize_html=False).entries[0].summary

    assert summary == (
        "<p>Jane Rail · @jane · 2026-01-02</p>"
        '<p>Look &lt;b&gt; at<br /><a href="https://x.example/?a=1&amp;b=2">https://x.example/?a=1&amp;b=2</a>.</p>'
        '<p><a href="https://videos.example/watch/1">Original post</a></p>'
    )


def test_every_video_of_a_post_is_an_item_whose_id_never_changes() -> None:
    before, after = (
        post(items=3),
        post(items=3, metadata={"title": "Another title"}, updated_at=AT + timedelta(days=1)),
    )
    entries, later = (feedparser.parse(documents(job)[0]).entries for job in (before, after))

    assert [entry.title for entry in entries] == [
        f"Night train & more ({number}/3)" for number in (1, 2, 3)
    ]
    assert len({entry.id for entry in entries}) == 3
    assert [entry.id for entry in entries] == [entry.id for entry in later]


def test_pictures_beside_a_video_are_not_items_and_not_counted() -> None:
    names = ("1.mp4", "2.jpg", "3.webp", "4.mp3")
    saved = tuple(
        JobItem(Item(), ItemStatus.SAVED, replace(SAVED, output_path=name)) for name in names
    )

    for document in documents(replace(post(metadata={"title": "Mixed"}), items=saved)):
        entries = feedparser.parse(document).entries
        assert [entry.title for entry in entries] == ["Mixed (1/2)", "Mixed (2/2)"]
        assert [entry.enclosures[0].type for entry in entries] == ["video/mp4", "audio/mpeg"]


def test_a_feed_without_posts_is_valid() -> None:
    rss, atom = documents()

    assert (rss_problems(rss), atom_problems(atom)) == ([], [])


@pytest.mark.parametrize("text", payloads(), ids=lambda text: ascii(text[:20]))
def test_a_hostile_text_breaks_no_document(text: str) -> None:
    job = post(
        metadata={"title": text, "text": text, "published_at": text},
        account=Account("x", text, text, "x-jane"),
        post_url=f"https://videos.example/{text}",
    )
    feed = replace(FEED, name=text.strip() or "x")
    rss, atom = documents(job, post(2), feed=feed)

    assert [problem for problem in rss_problems(rss) if "title is" not in problem] == []
    assert [problem for problem in atom_problems(atom) if "title is" not in problem] == []
    for document in (rss, atom):
        parsed = feedparser.parse(document)
        assert not parsed.bozo
        assert len(parsed.entries) == 2
        assert "<script" not in parsed.entries[0].get("summary", "")
    assert opml_problems(opml_document(text, [feed_outline(text or "x", f"{FOLDER}rss.xml")])) in (
        [],
        ["a line has no text"],
    )


@given(st.text(st.characters(codec=None, categories=("Cc", "Cs", "Cn", "L", "P", "Z"))))
def test_any_text_gives_a_document_that_can_be_read(text: str) -> None:
    for document in documents(
        post(metadata={"title": f"a{text}", "text": text}, post_url=f"https://a.example/{text}")
    ):
        assert not feedparser.parse(document).bozo


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("a/b.mp4", "job-0.mp4", "video/mp4"),
        ("a/b.WEBM", "job-0.webm", "video/webm"),
        ("a/b.mkv", "job-0.mkv", "video/x-matroska"),
        ("a/b.m4a", "job-0.m4a", "audio/mp4"),
        ("a/b.mp3", "job-0.mp3", "audio/mpeg"),
        ("a/b.opus", "job-0.opus", "audio/ogg"),
        ("a/b.flv", "job-0.flv", "application/octet-stream"),
        ("a/b.é\u202e", "job-0.bin", "application/octet-stream"),
        ("a/b", "job-0.bin", "application/octet-stream"),
    ],
)
def test_an_enclosure_has_the_type_and_the_ascii_suffix_of_its_file(
    path: str, name: str, kind: str
) -> None:
    enclosure = enclosure_of(JobId("job"), 0, replace(SAVED, output_path=path))

    assert (enclosure.name, enclosure.kind, enclosure.file.path) == (name, kind, path)


def test_the_rules_notice_what_is_wrong() -> None:
    rss, atom = documents(post(1), post(2))
    for wrong in (
        rss.replace(b' length="123456"', b"", 1),
        rss.replace(b"<pubDate>Fri, ", b"<pubDate>", 1),
        rss.replace(b"000000000002-0.mp4", b"000000000001-0.mp4"),
        rss.replace(b"<itunes:explicit>false", b"<itunes:explicit>no"),
        rss.replace(b"<language>en", b"<language>english"),
        rss.replace(b"<generator>", b"<maker>").replace(b"</generator>", b"</maker>"),
    ):
        assert rss_problems(wrong)
    assert rss_problems(rss) == atom_problems(atom) == []
    assert atom_problems(atom.replace(b"+00:00</updated>", b"</updated>", 1))
    assert opml_problems(b'<opml version="2.0"><head/><body><outline text="a"/></body></opml>') == [
        "a line is no RSS"
    ]
