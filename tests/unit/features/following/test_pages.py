"""The pages of the sources: following, changing, pausing and removing them,
and what became of their posts.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from mediavault.core.job import NewJob
from mediavault.core.listings import EntryKind
from mediavault.core.messages import Message
from mediavault.core.profiles import Profile
from mediavault.features.following import records as stored
from mediavault.features.following.filters import Filters, Reason
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState, Start
from mediavault.store.holds import pause
from mediavault.store.port import JobQuery
from mediavault.store.profiles import save_profile
from tests.following import set_state
from tests.http_vault import ApiVault

CHANNEL = "https://www.youtube.com/@jane"
KINDS = ["video", "short", "live"]
FORM: dict[str, str | list[str]] = {"url": CHANNEL, "start": "now", "kinds": KINDS}
BERLIN = "mediavault_zone=Europe/Berlin"


async def the_source(vault: ApiVault) -> Source:
    [one] = await stored.followed(vault.store.tables)
    return one.source


async def follow(vault: ApiVault, source_id: str = "s-1", **facts: object) -> Source:
    values = {"url": CHANNEL, "platform": "youtube", "followed_at": vault.clock.now(), **facts}
    return await stored.follow(vault.store.tables, Source(source_id, **values))  # type: ignore[arg-type]


async def found(vault: ApiVault, state: SourceState, source_id: str = "s-1") -> None:
    await set_state(vault.store, source_id, state)


def words(text: str) -> str:
    """The page's text without its elements."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])).split())


# --- the form


async def test_a_link_is_followed_from_now_on_and_shown_first(vault: ApiVault) -> None:
    await follow(vault, "s-0", url="https://videos.example/feed", platform="generic")
    vault.clock.advance(timedelta(minutes=1))
    answer = await vault.client.submit("/sources", FORM)
    sources = [one.source for one in await stored.followed(vault.store.tables)]
    page = (await vault.client.get("/sources")).text

    assert answer.status == 303
    assert answer.headers["location"] == f"/sources#{sources[1].id}"
    assert (sources[1].url, sources[1].start, sources[1].filters) == (CHANNEL, Start.NOW, Filters())
    assert page.index(f'id="{sources[1].id}"') < page.index('id="s-0"')


async def test_everything_on_the_form_is_stored(vault: ApiVault) -> None:
    await save_profile(vault.store.records, Profile("family"))
    fields = {
        **FORM, "start": "since", "since": "2026-01-31", "newest": "9", "per_day": "20",
        "profile": "family", "collection": "Trains", "having": "train\r\n\r\n/rail(way)?/",
        "lacking": "trailer", "shortest": "1,5", "longest": "60", "kinds": ["live", "video"],
        "every": "360", "languages": "en, pt_BR",
        "members": "on",
        "reposts": "on", "no_replies": "on",
    }  # fmt: skip
    answer = await vault.client.submit("/sources", fields, cookie=BERLIN)
    source = await the_source(vault)

    assert answer.status == 303
    assert (source.start, source.since, source.newest) == (
        Start.SINCE,
        datetime(2026, 1, 30, 23, tzinfo=UTC),
        None,
    )
    assert (source.per_day, source.profile, source.collection) == (20, "family", "Trains")
    assert source.filters == Filters(
        ("train", "/rail(way)?/"), ("trailer",), 90.0, 3600.0, (EntryKind.VIDEO, EntryKind.LIVE),
        members_only=True, reposts=True, replies=False, languages=("en", "pt-br"),
    )  # fmt: skip
    assert source.interval == timedelta(hours=6)
    assert "Every 6 hours" in words((await vault.client.get(f"/sources/{source.id}")).text)


async def test_an_unusual_interval_is_offered_and_kept_by_the_form(vault: ApiVault) -> None:
    await follow(vault, interval_minutes=100)
    page = (await vault.client.get("/sources?change=s-1")).text
    await vault.client.submit("/sources/s-1", {**FORM, "every": "100", "lacking": "trailer"})
    saved = (await the_source(vault)).interval
    await vault.client.submit("/sources/s-1", {**FORM, "every": ""})

    assert '<option value="100" selected>Every 100 minutes</option>' in page
    assert saved == timedelta(minutes=100)
    assert (await the_source(vault)).interval is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "https://www.youtube.com/watch?v=aaaaaaaaaaa"}, "leads to a single post"),
        ({"url": "nothing"}, "link"),
        ({"start": "often"}, "This is not a valid choice of earlier posts."),
        ({"start": "since"}, "The start date is missing"),
        ({"start": "since", "since": "yesterday"}, "This is not a valid date."),
        ({"start": "since", "since": "9999-12-31"}, "This is not a valid date."),
        ({"start": "newest"}, "Enter how many of the newest posts to save."),
        ({"start": "newest", "newest": "many"}, "This is not a valid number of posts."),
        ({"per_day": "5000"}, "This is not a valid number of posts per day."),
        ({"shortest": "short"}, "This is not a valid video length."),
        ({"shortest": "nan"}, "This is not a valid video length."),
        ({"having": "/(/"}, "is not a regular expression"),
        ({"having": "\n".join(map(str, range(21)))}, "There are too many word filters."),
        ({"every": "often"}, "This is not a valid interval for checking a source."),
        ({"every": "1"}, "This is not a valid interval for checking a source."),
        ({"every": "9999999"}, "This is not a valid interval for checking a source."),
        ({"languages": "the french one"}, "This is not a valid list of languages."),
        ({"kinds": []}, "No kind of video is selected."),
        ({"profile": "gone"}, "gone"),
        ({"collection": "x" * 200}, "collection"),
    ],
)
async def test_a_wrong_value_is_explained_and_what_was_typed_stays(
    vault: ApiVault, change: dict[str, str | list[str]], says: str
) -> None:
    page = await vault.client.submit("/sources", {**FORM, "lacking": "advertising", **change})

    assert page.status == 422
    assert says in unescape(page.text)
    assert ">advertising</textarea>" in page.text
    assert await stored.followed(vault.store.tables) == []


async def test_a_link_in_the_address_only_fills_the_form(vault: ApiVault) -> None:
    page = await vault.client.get(f"/sources?url={CHANNEL}")

    assert f'value="{CHANNEL}"' in page.text
    assert await stored.followed(vault.store.tables) == []


async def test_the_form_shows_what_is_set_and_saves_nothing_else(vault: ApiVault) -> None:
    since = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
    filters = Filters(
        shortest_s=100.0, members_only=True, languages=("de",), kinds=(EntryKind.VIDEO,)
    )
    before = await follow(
        vault, start=Start.SINCE, since=since, interval_minutes=120, filters=filters
    )
    page = (await vault.client.get("/sources?change=s-1")).text
    shown = dict(re.findall(r'name="(since|shortest|languages)"[^>]* value="([^"]*)"', page))
    assert '<option value="120" selected>' in page
    assert 'name="members" checked' in page
    fields = {
        "start": "since",
        "kinds": "video",
        "collection": "Trains",
        "every": "120",
        "members": "on",
        **shown,
    }
    answer = await vault.client.submit("/sources/s-1", fields)
    after = await the_source(vault)

    assert shown == {"since": "2026-01-31", "shortest": "1.66667", "languages": "de"}
    assert answer.headers["location"] == "/sources/s-1"
    assert (after.since, after.filters, after.interval) == (since, filters, before.interval)
    assert (after.collection, after.start_number) == ("Trains", 1)


async def test_what_can_not_be_changed_so_is_explained_in_the_same_form(vault: ApiVault) -> None:
    await follow(vault)
    page = await vault.client.submit("/sources/s-1", {"start": "newest", "kinds": KINDS})

    assert page.status == 422
    assert 'action="/sources/s-1"' in page.text
    assert (await vault.client.submit("/sources/s-9", FORM)).status == 404


# --- its buttons


async def test_a_source_is_paused_and_resumed_where_the_button_was(vault: ApiVault) -> None:
    await follow(vault)
    answer = await vault.client.submit("/sources/s-1/pause", {"back": "/sources?page=2#s-1"})
    assert answer.headers["location"] == "/sources?page=2#s-1"
    assert (await the_source(vault)).is_paused
    assert "Paused" in words((await vault.client.get("/sources")).text)

    answer = await vault.client.submit("/sources/s-1/resume", {"back": "https://elsewhere.example"})
    assert answer.headers["location"] == "/"
    assert not (await the_source(vault)).is_paused


async def test_check_now_makes_a_source_due(vault: ApiVault) -> None:
    await follow(vault)
    await found(vault, SourceState(next_check_at=vault.clock.now() + timedelta(hours=3)))
    answer = await vault.client.submit("/sources/s-1/check")

    assert answer.headers["location"] == "/sources"
    assert (await stored.find_followed(vault.store.tables, "s-1")).state.next_check_at is None


async def test_a_removed_source_is_gone_and_its_posts_stay(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await follow(vault)
    await stored.mark_posts(vault.store, "s-1", [job.id])
    answer = await vault.client.submit("/sources/s-1/remove")

    assert answer.headers["location"] == "/sources"
    assert await stored.followed(vault.store.tables) == []
    assert (await vault.store.catalogue.get(job.id)).id == job.id
    assert (await vault.client.get("/sources/s-1")).status == 404


# --- how a source is


async def test_a_look_and_its_news_are_told(vault: ApiVault) -> None:
    now = vault.clock.now()
    await follow(vault)
    assert "Not checked yet · next check within a minute" in words(
        (await vault.client.get("/sources")).text
    )

    later = now + timedelta(hours=2)
    await found(
        vault,
        SourceState(
            title="Jane", handle="jane", checked_at=now, next_check_at=later, new_at_last_check=3
        ),
    )
    page = words((await vault.client.get("/sources")).text)
    assert "Jane YouTube · @jane" in page
    assert re.search(
        rf"Last checked {now:%Y-%m-%d %H:%M} UTC · 3 new · next check {later:%Y-%m-%d %H:%M} UTC",
        page,
    )

    await found(
        vault,
        SourceState(checked_at=now, next_check_at=later, acquired_until=now + timedelta(minutes=9)),
    )
    assert "checking now" in words((await vault.client.get("/sources")).text)


async def test_what_waits_is_told_with_how_long_it_takes_and_when_the_next_is_due(
    vault: ApiVault,
) -> None:
    now = vault.clock.now()
    await follow(vault, start=Start.EVERYTHING)
    await found(vault, SourceState(waiting=1_240))
    assert "1,240 posts, about 9 days, next one soon" in words(
        (await vault.client.get("/sources")).text
    )

    turn = now + timedelta(minutes=5)
    assert await stored.take_fill_turn(vault.store.records, "youtube", None, turn)
    page = words((await vault.client.get("/sources")).text)
    assert f"1,240 posts, about 9 days, next at {turn:%Y-%m-%d %H:%M} UTC" in page

    await vault.client.submit("/sources/s-1/pause")
    assert "next at" not in words((await vault.client.get("/sources")).text)


async def test_how_long_earlier_posts_take_is_told_by_host_where_the_site_is_unknown(
    vault: ApiVault,
) -> None:
    for host in ("a.example", "b.example"):
        await follow(
            vault, host, url=f"https://{host}/rss", platform="generic", start=Start.EVERYTHING
        )
        await found(vault, SourceState(waiting=144), host)
    turn = vault.clock.now() + timedelta(minutes=5)
    assert await stored.take_fill_turn(vault.store.records, "a.example", None, turn)
    page = words((await vault.client.get("/sources")).text)

    assert f"144 posts, about 24 hours, next at {turn:%Y-%m-%d %H:%M} UTC" in page
    assert "144 posts, about 24 hours, next one soon" in page


@pytest.mark.parametrize(
    ("site", "says"), [(None, "The queue is paused"), ("youtube", "YouTube is paused")]
)
async def test_a_pause_of_the_queue_or_the_site_is_told_in_place_of_the_next_look(
    vault: ApiVault, site: str | None, says: str
) -> None:
    await follow(vault, start=Start.EVERYTHING)
    await found(vault, SourceState(waiting=5))
    await pause(vault.store.records, site)
    page = words((await vault.client.get("/sources")).text)

    assert says in page
    assert "next" not in page.partition("1 source")[2]


async def test_a_new_sources_error_is_shown_at_once(vault: ApiVault) -> None:
    await follow(vault)
    await found(
        vault,
        SourceState(
            failing_since=vault.clock.now(), failures=1, error=Message("The feed is gone.")
        ),
    )
    page = words((await vault.client.get("/sources")).text)

    assert "Can't be read" in page
    assert "The feed is gone." in page
    assert "No check has succeeded yet" in page
    assert "Not checked yet" not in page


async def test_an_error_is_shown_once_it_has_lasted_a_day(vault: ApiVault) -> None:
    now = vault.clock.now()
    error = Message("%(host)s answered %(status)s.", host="videos.example", status=500)
    state = SourceState(
        checks=1, failing_since=now, failures=3, error=error, help="Look at `mediavault doctor`."
    )
    await follow(vault)
    await found(vault, state)
    assert "answered 500" not in (await vault.client.get("/sources")).text

    vault.clock.advance(timedelta(days=1))
    page = (await vault.client.get("/sources")).text
    assert "Can't be read" in words(page)
    assert "videos.example answered 500. Look at mediavault doctor ." in words(page)


async def test_many_sources_are_on_several_pages(vault: ApiVault) -> None:
    for number in range(51):
        await follow(
            vault, f"s-{number}", url=f"https://videos.example/{number}", platform="generic"
        )
    first, second = [(await vault.client.get(f"/sources?page={page}")).text for page in (1, 2)]

    assert (first.count('class="card source"'), second.count('class="card source"')) == (50, 1)
    assert "51 sources" in words(first)
    assert 'href="/sources?page=2"' in first
    assert 'value="/sources?page=2#s-0"' in second


# --- the page of a source


async def test_a_sources_page_shows_its_posts_in_every_state(vault: ApiVault) -> None:
    job, now = await vault.add_saved(), vault.clock.now()
    await vault.add("https://videos.example/watch/of-nobody")
    await follow(vault, start=Start.NEWEST, newest=50, filters=Filters(lacking=("trailer",)))
    await found(vault, SourceState(title="Jane", seen=300, waiting=2, skipped=1))
    await stored.mark_posts(vault.store, "s-1", [job.id])
    url = "https://www.youtube.com/watch?v=aaaaaaaaaa"
    waiting = [
        (name, SeenEntry(EntryState.WAITING, f"{url}{name}", f"Part {name}")) for name in "cab"
    ]
    await stored.put_waiting(vault.store.tables, "s-1", now, waiting)
    skipped = SeenEntry(EntryState.SKIPPED, f"{url}d", "The trailer", now, now, Reason.WORDS)
    await stored.put_seen(vault.store.tables, "s-1", {"d": skipped})
    page = (await vault.client.get("/sources/s-1")).text
    text = words(page)

    assert page.count('class="tile"') == 1
    assert f"/jobs/{job.id}" in page
    assert (
        text.index("Part c")
        < text.index("Part a")
        < text.index("Part b")
        < text.index("The trailer")
    )
    assert "The trailer The title and description don't match" in text
    assert "Earlier posts the newest 50" in text
    assert "Never with these words trailer" in text


async def test_skipped_posts_are_saved_on_a_sources_page(vault: ApiVault) -> None:
    await follow(vault)
    now = vault.clock.now()
    urls = [f"https://www.youtube.com/watch?v={number:011}" for number in range(3)]
    entries = {
        str(number): SeenEntry(EntryState.SKIPPED, url, f"Film {number}", now, now, reason)
        for number, (url, reason) in enumerate(
            zip(urls, (Reason.BEFORE, Reason.WORDS, Reason.UNREADABLE), strict=True)
        )
    }
    await stored.put_seen(vault.store.tables, "s-1", entries)
    path = "/sources/s-1"
    page = (await vault.client.get(path)).text
    assert re.findall(r'name="posts" value="(\w+)" form="chosen"', page) == ["0", "1"]

    assert (await vault.client.submit(f"{path}/save", {"posts": ["0", "1"]})).status == 303
    jobs = (await vault.store.catalogue.jobs(JobQuery())).jobs
    assert sorted(job.post_url for job in jobs) == urls[:2]
    many: dict[str, str | list[str]] = {"posts": ["0"] * 501}
    assert (await vault.client.submit(f"{path}/save", many)).status == 422

    assert (await vault.client.submit(f"{path}/newest", {"newest": "7"})).status == 303
    source = await the_source(vault)
    assert (source.start, source.newest) == (Start.NEWEST, 7)
    assert (await vault.client.submit(f"{path}/newest", {"newest": "x"})).status == 422


async def test_a_sources_posts_go_on_on_further_pages(vault: ApiVault) -> None:
    await follow(vault)
    new: list[NewJob] = [
        vault.services.submit.read(f"https://videos.example/watch/{n}") for n in range(30)
    ]
    jobs = [result.job.id for result in await vault.store.queue.enqueue(new)]
    await stored.mark_posts(vault.store, "s-1", jobs)
    first = (await vault.client.get("/sources/s-1")).text
    [older] = re.findall(r'href="(/sources/s-1\?cursor=[^"#]+)', first)
    second = (await vault.client.get(unescape(older))).text

    assert first.count('class="tile"') + second.count('class="tile"') == 30
    assert "Waiting, next one first" not in first


async def test_an_entry_that_is_no_web_address_is_no_link(vault: ApiVault) -> None:
    await follow(vault)
    await stored.put_seen(
        vault.store.tables,
        "s-1",
        {
            "d": SeenEntry(
                EntryState.SKIPPED, "javascript:alert(1)", "Bad", reason=Reason.UNREADABLE
            )
        },
    )
    page = (await vault.client.get("/sources/s-1")).text

    assert "Bad" in page
    assert 'href="javascript' not in page


# --- the offer


@pytest.mark.parametrize(
    ("url", "offer"),
    [
        (CHANNEL, "This is a channel. Follow it?"),
        ("https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa", "This is a list. Follow it?"),
    ],
)
async def test_a_refused_channel_or_list_is_offered_to_be_followed(
    vault: ApiVault, url: str, offer: str
) -> None:
    page = await vault.client.submit("/submit", {"post_urls": url})
    [link] = re.findall(r'<a href="(/sources\?url=[^"]+)">', page.text)
    form = await vault.client.get(unescape(link).partition("#")[0])

    assert offer in unescape(page.text)
    assert f'value="{url}"' in unescape(form.text)
    assert await stored.followed(vault.store.tables) == []


@pytest.mark.parametrize(
    "url", ["https://www.youtube.com/about", "file:///etc/passwd", "https://x.com/i/spaces/1a"]
)
async def test_what_can_not_be_followed_is_not_offered(vault: ApiVault, url: str) -> None:
    page = await vault.client.submit("/submit", {"post_urls": url})

    assert page.status == 422
    assert "/sources?url=" not in page.text


# --- lists from and for other programs


LIST = f"{CHANNEL}\nhttps://videos.example/feed.xml\nnonsense\n".encode()


async def test_a_file_is_shown_as_what_it_would_follow_and_followed_when_that_is_confirmed(
    vault: ApiVault,
) -> None:
    await follow(vault)
    fields: dict[str, str | bytes] = {
        "file": LIST,
        "start": "newest",
        "newest": "7",
        "profile": "",
        "collection": "Trains",
    }
    shown = await vault.client.upload("/sources/import", fields)
    before = len(await stored.followed(vault.store.tables))
    opml = unescape(re.search(r'name="opml" value="([^"]*)"', shown.text)[1])  # type: ignore[index]
    confirmed = await vault.client.upload("/sources/import", {"opml": opml})
    [_, imported] = await stored.followed(vault.store.tables)

    assert (shown.status, before) == (200, 1)
    text = words(shown.text)
    assert "1 source to follow" in text
    assert "1 is already followed." in text
    assert "1 entry can't be followed" in text
    assert "Line 3 · nonsense" in text
    assert (confirmed.status, confirmed.headers["location"]) == (303, "/sources")
    assert imported.source.url == "https://videos.example/feed.xml"
    assert (imported.source.start, imported.source.newest, imported.source.collection) == (
        Start.NEWEST,
        7,
        "Trains",
    )


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "The file lists nothing that can be followed."),
        ({"file": b""}, "The file lists nothing that can be followed."),
        ({"file": LIST, "start": "often"}, "This is not a valid choice of earlier posts."),
        ({"file": LIST, "start": "newest"}, "Enter how many of the newest posts to save."),
        (
            {"file": LIST, "start": "newest", "newest": "0"},
            "Enter how many of the newest posts to save.",
        ),
        ({"file": LIST, "profile": "gone"}, "gone"),
        ({"file": b"<opml", "collection": "Trains"}, "The file is not valid XML"),
        ({"opml": "<html/>"}, "The file is XML, but not OPML."),
    ],
)
async def test_a_file_that_cannot_be_imported_is_explained(
    vault: ApiVault, fields: dict[str, str | bytes], says: str
) -> None:
    page = await vault.client.upload("/sources/import", fields)

    assert page.status == 422
    assert says in unescape(page.text)
    assert await stored.followed(vault.store.tables) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\n", "multipart/form-data"),
        (b"nothing", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\n\r\n\r\n" * 30 + b"--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
async def test_a_form_with_a_file_that_is_not_whole_is_refused(
    vault: ApiVault, body: bytes, kind: str
) -> None:
    headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
    answer = await vault.client.request("POST", "/sources/import", body=body, headers=headers)

    assert answer.status == 422


async def test_a_file_with_any_bytes_arrives_unchanged(vault: ApiVault) -> None:
    """A zip has the bytes of line ends, and of what looks like the boundary's beginning."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a\r\n--\r\n.bin", bytes(range(256)) + b"\r\n------mar\r\n\r\n")
        archive.writestr(
            "list.csv", f"a,b\r\n{'UC' + 'a' * 22},http://a.example/channel/{'UC' + 'a' * 22}\r\n"
        )
    page = await vault.client.upload("/sources/import", {"file": packed.getvalue()})

    assert "1 source to follow" in words(page.text)


async def test_other_forms_take_no_files_and_other_sites_cannot_send_one(vault: ApiVault) -> None:
    assert (await vault.client.upload("/sources", {"url": CHANNEL})).status == 415
    assert (await vault.client.submit("/sources/import", {"opml": "x"})).status == 415
    answer = await vault.client.upload(
        "/sources/import", {"file": LIST}, sec_fetch_site="cross-site"
    )
    assert answer.status == 403


async def test_the_sources_are_exported_as_a_file(vault: ApiVault) -> None:
    await follow(vault)
    page, exported = await vault.client.get("/sources"), await vault.client.get("/sources/export")

    assert 'href="/sources/export"' in page.text
    assert CHANNEL in exported.text
    assert (
        exported.headers["content-disposition"] == 'attachment; filename="mediavault-sources.opml"'
    )
