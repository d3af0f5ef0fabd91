"""RSS feeds: what their addresses open, to whom, and what ends them."""

from __future__ import annotations

import re
import stat
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediavault.auth.authenticator import Authenticator
from mediavault.auth.permissions import Scope
from mediavault.core.job import Job, JobId
from mediavault.core.media import Account
from mediavault.core.records import RecordKind
from mediavault.core.users import Role
from mediavault.features.rss.service import RssFeeds
from mediavault.store.mark_changes import MarkChange, change_marks
from mediavault.store.port import StoredJob
from mediavault.store.search_words import WordSource
from tests.asgi_client import Answer
from tests.fakes import FakeClock
from tests.http_vault import SHA256, TOKEN, VIDEO, ApiVault, MakeVault
from tests.memory_store import MemoryJobStore

HTML = "text/html"
BEARER = f"Bearer {TOKEN}"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def vault(make_vault: MakeVault) -> ApiVault:
    return make_vault(token=TOKEN)


def authenticator_of(vault: ApiVault) -> Authenticator:
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    return authenticator


async def make_feed(vault: ApiVault, filter_: str = "", *, name: str = "Trains") -> str:
    """Make a feed by the API, and return the path of its RSS."""
    answer = await vault.client.post(
        "/api/feeds", {"name": name, "filter": filter_}, authorization=BEARER
    )
    assert answer.status == 201
    return str(urlsplit(answer.json()["rss"]).path)


async def items_of(vault: ApiVault, path: str) -> list[ET.Element]:
    answer = await vault.client.get(path)
    assert answer.status == 200
    return ET.fromstring(answer.body).findall("channel/item")


async def titles(vault: ApiVault, path: str) -> list[str | None]:
    return [item.findtext("title") for item in await items_of(vault, path)]


async def add(vault: ApiVault, number: int, *, account: bool = False) -> Job:
    """Save a post, a second after the one before; with ``account`` it is Jane's."""
    vault.clock.advance(1)
    job = await vault.add_saved(
        f"https://videos.example/watch/{number}", name=f"jane/Film {number} [{number}].mp4"
    )
    if not account:
        return job
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs(
        [StoredJob(replace(job, account=Account("generic", "jane", "Jane", "jane")))]
    )
    return await vault.store.catalogue.get(job.id)


# --- what a feed is


async def test_a_feed_has_what_podcast_apps_need(vault: ApiVault) -> None:
    job = await add(vault, 1)
    path = await make_feed(vault)
    answer = await vault.client.get(path)
    channel = ET.fromstring(answer.body).find("channel")
    assert channel is not None
    [item] = channel.findall("item")
    enclosure = item.find("enclosure")
    assert enclosure is not None

    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert channel.findtext("title") == "Trains"
    assert (channel.findtext(f"{ITUNES}block"), channel.findtext(f"{PODCAST}locked")) == (
        "Yes",
        "yes",
    )
    own = channel.find(f"{ATOM}link")
    assert own is not None
    assert own.attrib == {
        "href": f"http://127.0.0.1:8420{path}",
        "rel": "self",
        "type": "application/rss+xml",
    }
    folder = f"http://127.0.0.1:8420{path.removesuffix('rss.xml')}"
    assert enclosure.attrib == {
        "url": f"{folder}{job.id}-0.mp4",
        "length": str(len(VIDEO)),
        "type": "video/mp4",
    }
    assert item.findtext(f"{ITUNES}duration") == "4"
    picture = item.find(f"{ITUNES}image")
    assert picture is not None
    assert picture.attrib == {"href": f"{folder}{job.id}-0-picture.jpg"}
    assert item.findtext("link") == "https://videos.example/watch/1"
    assert '<a href="https://videos.example/watch/1">Original post</a>' in (
        item.findtext("description") or ""
    )


async def test_a_feeds_files_are_served_in_whole_and_in_part(vault: ApiVault) -> None:
    await add(vault, 1)
    path = await make_feed(vault)
    [item] = await items_of(vault, path)
    video = urlsplit(item.find("enclosure").attrib["url"]).path  # type: ignore[union-attr]
    picture = urlsplit(item.find(f"{ITUNES}image").attrib["href"]).path  # type: ignore[union-attr]

    whole, head = await vault.client.get(video), await vault.client.request("HEAD", video)
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, VIDEO, "video/mp4")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(VIDEO)))
    assert head.headers["accept-ranges"] == "bytes"
    part = await vault.client.get(video, range="bytes=5-9")
    assert (part.status, part.body) == (206, VIDEO[5:10])
    assert (await vault.client.get(video, range="bytes=999999-")).status == 416
    assert (await vault.client.get(video, **{"if-none-match": f'"{SHA256}"'})).status == 304
    assert (await vault.client.get(picture)).body.startswith(b"\xff\xd8")
    cover = await vault.client.get(path.replace("rss.xml", "cover.png"))
    assert (cover.headers["content-type"], cover.body[16:24]) == (
        "image/png",
        bytes([0, 0, 5, 120, 0, 0, 5, 120]),
    )
    for answer in (whole, head, part, cover, await vault.client.get(path)):
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_head_of_the_feed_has_the_length_and_no_body(vault: ApiVault) -> None:
    path = await make_feed(vault)
    head, whole = await vault.client.request("HEAD", path), await vault.client.get(path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


async def test_a_head_of_a_file_reads_nothing_of_it(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await add(vault, 1)
    path = (await make_feed(vault)).replace("rss.xml", f"{job.id}-0.mp4")
    assert job.output_path is not None
    opened = await vault.services.library.open(job.output_path)
    assert opened is not None
    await opened.close()

    def refuse(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr(type(opened), "chunks", refuse)
    assert (await vault.client.request("HEAD", path)).status == 200


async def test_the_newest_200_videos_are_in_the_document_and_older_files_stay_open(
    vault: ApiVault,
) -> None:
    first = await add(vault, 0)
    for number in range(1, 201):
        await add(vault, number)
    path = await make_feed(vault)
    listed = await titles(vault, path)

    assert (len(listed), listed[0], listed[-1]) == (
        200,
        "videos.example/watch/200",
        "videos.example/watch/1",
    )
    assert (await vault.client.get(path.replace("rss.xml", f"{first.id}-0.mp4"))).status == 200


async def test_pictures_are_no_items_and_take_no_videos_place(vault: ApiVault) -> None:
    """A podcast app downloads every item as an episode."""
    await add(vault, 0)
    for number in range(1, 206):
        await vault.add_saved(
            f"https://videos.example/watch/p{number}", name=f"jane/p{number}.webp"
        )
    picture = await vault.add_saved("https://videos.example/watch/picture", name="jane/picture.jpg")
    path = await make_feed(vault)

    assert await titles(vault, path) == ["videos.example/watch/0"]
    assert (await vault.client.get(path.replace("rss.xml", f"{picture.id}-0.jpg"))).status == 404


# --- filters


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("", [3, 2, 1]),
        ("q=watch%2F2", [2]),
        ("platform=generic", [3, 2, 1]),
        ("platform=x", []),
        ("account=generic%2Fjane", [2]),
        ("collection=to+watch", [3, 1]),
        ("mine=favourites", [1]),
        ("mine=unwatched", [3, 1]),
        ("tag=trains", [2]),
        ("q=tag%3Atrains", [2]),
        ("tag=trains&mine=favourites", []),
        ("length=long", []),
        ("state=failed&order=oldest", [3, 2, 1]),
    ],
)
async def test_a_feed_holds_what_its_filter_finds(
    vault: ApiVault, filter_: str, found: list[int]
) -> None:
    jobs = [await add(vault, number, account=number == 2) for number in (1, 2, 3)]
    await vault.add_failed("https://videos.example/watch/4")
    for index, change in (
        (0, MarkChange(favourite=True, add_to=("to watch",))),
        (1, MarkChange(watched=True, add_tags=("trains",))),
        (2, MarkChange(add_to=("To Watch",))),
    ):
        await change_marks(vault.store, vault.clock, "owner", [jobs[index].id], change)
    path = await make_feed(vault, filter_)

    assert await titles(vault, path) == [f"videos.example/watch/{number}" for number in found]
    for number, job in enumerate(jobs, start=1):
        answer = await vault.client.get(path.replace("rss.xml", f"{job.id}-0.mp4"))
        assert answer.status == (200 if number in found else 404)


async def test_a_feeds_favourites_are_those_of_its_user(vault: ApiVault) -> None:
    job = await add(vault, 1)
    authenticator = authenticator_of(vault)
    await authenticator.users.add("jane", Role.VIEWER, "nine brown horses")
    await change_marks(vault.store, vault.clock, "jane", [job.id], MarkChange(favourite=True))
    hers = await vault.rss_feeds.add("Hers", "mine=favourites", user="jane")
    secret = await vault.rss_feeds.secret_of(hers)

    assert await titles(vault, await make_feed(vault, "mine=favourites")) == []
    assert await titles(vault, f"/feeds/{secret}/rss.xml") == ["videos.example/watch/1"]


async def test_of_many_posts_of_one_moment_those_are_served_that_the_filter_finds(
    vault: ApiVault,
) -> None:
    """As when many links were added at once."""
    saved = await add(vault, 0)
    jobs = [
        replace(
            saved,
            id=JobId(f"01930000-0000-7000-8000-{n:012}"),
            canonical_url=f"https://videos.example/{n}",
        )
        for n in range(106)
    ]
    await vault.store.catalogue.import_jobs([StoredJob(job) for job in jobs])
    tagged = [job.id for job in jobs if job is not jobs[50]]
    await change_marks(vault.store, vault.clock, "owner", tagged, MarkChange(add_tags=("trains",)))
    path = await make_feed(vault, "tag=trains")

    for job, status in ((jobs[0], 200), (jobs[50], 404), (jobs[105], 200)):
        assert (
            await vault.client.request("HEAD", path.replace("rss.xml", f"{job.id}-0.mp4"))
        ).status == status


async def test_a_post_that_the_filter_finds_no_more_is_served_no_more(vault: ApiVault) -> None:
    job = await add(vault, 1)
    favourite = MarkChange(favourite=True)
    await change_marks(vault.store, vault.clock, "owner", [job.id], favourite)
    path = await make_feed(vault, "mine=favourites")
    video = path.replace("rss.xml", f"{job.id}-0.mp4")
    assert (await vault.client.get(video)).status == 200

    await change_marks(vault.store, vault.clock, "owner", [job.id], MarkChange(favourite=False))
    assert (await vault.client.get(video)).status == 404
    assert await titles(vault, path) == []


async def test_the_trash_is_not_served_and_a_restored_post_has_its_guid_again(
    vault: ApiVault,
) -> None:
    job = await add(vault, 1)
    path = await make_feed(vault)
    [before] = await items_of(vault, path)
    await vault.client.delete(f"/api/jobs/{job.id}?files=true", authorization=BEARER)
    assert await titles(vault, path) == []
    assert (await vault.client.get(path.replace("rss.xml", f"{job.id}-0.mp4"))).status == 404

    await vault.client.post(f"/api/trash/{job.id}/restore", {}, authorization=BEARER)
    [after] = await items_of(vault, path)
    assert after.findtext("guid") == before.findtext("guid") != ""


@pytest.mark.parametrize(
    "name",
    [
        "{id}-1.mp4",
        "{id}-0.mkv",
        "{id}-00.mp4",
        "{id}-0-picture.mp4",
        "{id}-0-picture.png",
        "{id}.mp4",
        "{ID}-0.mp4",
        "video",
        "..%2f..%2fetc%2fpasswd",
        "index.html",
    ],
)
async def test_only_names_of_the_document_are_served(vault: ApiVault, name: str) -> None:
    job = await add(vault, 1)
    path = await make_feed(vault)
    wanted = name.format(id=job.id, ID=job.id.upper())

    assert (await vault.client.get(path.replace("rss.xml", wanted))).status == 404


# --- conditional requests


async def test_an_unchanged_feed_is_not_sent_again(vault: ApiVault) -> None:
    await add(vault, 1)
    path = await make_feed(vault)
    first = await vault.client.get(path)
    by_tag = await vault.client.get(path, **{"if-none-match": first.headers["etag"]})
    by_time = await vault.client.get(path, **{"if-modified-since": first.headers["last-modified"]})

    assert (by_tag.status, by_tag.body, by_tag.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (by_time.status, by_time.body) == (304, b"")
    assert (await vault.client.get(path)).body == first.body


async def test_an_unchanged_feed_is_known_without_reading_its_posts(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(vault, 1)
    path = await make_feed(vault, "mine=unwatched")
    tag = (await vault.client.get(path)).headers["etag"]
    vault.clock.advance(3600)
    await vault.add("https://videos.example/watch/waiting")  # changes no feed

    async def refuse(_: object) -> None:
        raise AssertionError("the posts were read")

    monkeypatch.setattr(vault.store.catalogue, "jobs", refuse)
    assert (await vault.client.get(path, **{"if-none-match": tag})).status == 304


@pytest.mark.parametrize("change", ["added", "removed", "replaced", "unmarked", "swapped"])
async def test_a_change_is_seen_at_once_by_tag_and_by_time(vault: ApiVault, change: str) -> None:
    jobs = [await add(vault, number) for number in (1, 2, 3)]
    await change_marks(vault.store, vault.clock, "owner", [jobs[0].id], MarkChange(favourite=True))
    path = await make_feed(vault, "mine=favourites" if change in ("unmarked", "swapped") else "")
    vault.clock.advance(3600)
    first = await vault.client.get(path)
    if change != "swapped":
        vault.clock.advance(3600)
    if change in ("added", "replaced"):
        await add(vault, 4)
    if change in ("removed", "replaced"):
        await vault.client.delete(f"/api/jobs/{jobs[1].id}", authorization=BEARER)
    if change in ("unmarked", "swapped"):
        await change_marks(
            vault.store, vault.clock, "owner", [jobs[0].id], MarkChange(favourite=False)
        )
    if change == "swapped":
        vault.clock.advance(0.2)
        await change_marks(
            vault.store, vault.clock, "owner", [jobs[1].id], MarkChange(favourite=True)
        )

    by_tag = await vault.client.get(path, **{"if-none-match": first.headers["etag"]})
    by_time = await vault.client.get(path, **{"if-modified-since": first.headers["last-modified"]})
    assert (by_tag.status, by_time.status) == (200, 200)
    assert by_tag.headers["etag"] != first.headers["etag"]
    assert by_tag.headers["last-modified"] != first.headers["last-modified"]


async def test_words_that_are_stored_later_are_seen_by_the_feed_of_a_search(
    vault: ApiVault,
) -> None:
    job = await add(vault, 1)
    path = await make_feed(vault, "q=locomotive")
    vault.clock.advance(3600)
    first = await vault.client.get(path)
    unchanged = await vault.client.get(path, **{"if-none-match": first.headers["etag"]})
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, "a locomotive")
    changed = await vault.client.get(path, **{"if-none-match": first.headers["etag"]})

    assert (unchanged.status, changed.status) == (304, 200)
    assert len(await items_of(vault, path)) == 1


async def test_a_restarted_vault_knows_the_tag_of_what_it_sent(
    make_vault: MakeVault, vault: ApiVault
) -> None:
    await add(vault, 1)
    path = await make_feed(vault)
    first = await vault.client.get(path)
    vault.client.app.state.rss_versions._sent.clear()  # type: ignore[attr-defined]

    again = await vault.client.get(path, **{"if-none-match": first.headers["etag"]})
    assert again.status == 304


# --- who may, and what ends it


async def test_a_guess_a_revoked_feed_and_a_removed_users_feed_have_one_answer(
    vault: ApiVault,
) -> None:
    authenticator = authenticator_of(vault)
    await authenticator.users.add("jane", Role.VIEWER, "nine brown horses")
    hers = await vault.rss_feeds.add("Hers", "", user="jane")
    secrets = [
        f"/feeds/{await vault.rss_feeds.secret_of(hers)}",
        "/feeds/" + "x" * 43,
        await make_feed(vault),
    ]
    paths = [secret.removesuffix("/rss.xml") for secret in secrets]
    await authenticator.remove_user("jane", vault.store)
    [feed] = (await vault.client.get("/api/feeds", authorization=BEARER)).json()["feeds"]
    await vault.client.delete(f"/api/feeds/{feed['id']}", authorization=BEARER)

    for name in ("rss.xml", "atom.xml", "cover.png", "01930000-0000-7000-8000-000000000000-0.mp4"):
        answers: list[Answer] = [await vault.client.get(f"{path}/{name}") for path in paths]
        assert [answer.status for answer in answers] == [404] * 3
        assert len({answer.body for answer in answers}) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


async def test_a_new_user_of_the_same_name_does_not_get_the_feeds_of_the_one_before(
    vault: ApiVault,
) -> None:
    authenticator = authenticator_of(vault)
    for _ in range(2):
        await authenticator.add_user("jane", Role.VIEWER, "nine brown horses")
        assert await vault.rss_feeds.all("jane") == []
        await vault.rss_feeds.add("Hers", "", user="jane")
        await authenticator.remove_user("jane", vault.store)
        assert await vault.rss_feeds.all() == []


async def test_a_guess_costs_the_store_what_a_revoked_feed_costs(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await make_feed(vault)
    await vault.rss_feeds.revoke("Trains")
    reads: list[tuple[RecordKind, str]] = []
    get = vault.store.records.get

    async def counted(kind: RecordKind, key: str) -> object:
        reads.append((kind, key))
        return await get(kind, key)

    monkeypatch.setattr(vault.store.records, "get", counted)
    counts = []
    for asked in (path, f"/feeds/{'x' * 43}/rss.xml"):
        reads.clear()
        await vault.client.get(asked)
        counts.append([kind for kind, _ in reads])

    assert counts[0] == counts[1] == [RecordKind.RSS_FEED]


async def test_secrets_cannot_be_guessed_quickly_and_known_ones_stay_open(vault: ApiVault) -> None:
    path = await make_feed(vault)
    answers = [await vault.client.get(f"/feeds/{'x' * 40}{n}/rss.xml") for n in range(101)]

    assert [answer.status for answer in answers] == [404] * 100 + [429]
    assert "retry-after" in answers[-1].headers
    assert (await vault.client.get(path)).status == 200


async def test_a_secret_opens_no_other_route_and_no_api(vault: ApiVault) -> None:
    job = await add(vault, 1)
    secret = (await make_feed(vault)).split("/")[2]
    for path in (
        "/api/jobs",
        f"/api/jobs/{job.id}",
        f"/files/{job.id}/video",
        f"/s/{secret}",
        f"/feeds/{secret}",
    ):
        answer = await vault.client.get(
            path, authorization=f"Bearer {secret}", cookie=f"mediavault_session={secret}"
        )
        assert answer.status in (401, 404)
    assert (await vault.client.post(f"/feeds/{secret}/rss.xml", {})).status in (405, 415)


async def test_a_state_folder_made_for_the_key_is_private(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await RssFeeds(MemoryJobStore(clock), clock, state).add("Trains", "")

    assert stat.S_IMODE(state.stat().st_mode) == 0o700


async def test_the_database_has_nothing_that_opens_a_feed(vault: ApiVault) -> None:
    secret = (await make_feed(vault)).split("/")[2]
    stored = repr(await vault.store.records.all(RecordKind.RSS_FEED))
    key = vault.services.settings.state_dir / "feeds.key"

    assert secret not in stored
    assert (key.stat().st_mode & 0o777, len(key.read_bytes())) == (0o600, 32)


async def test_a_vault_without_the_key_serves_a_feed_and_does_not_show_its_address(
    vault: ApiVault,
) -> None:
    path = await make_feed(vault)
    (vault.services.settings.state_dir / "feeds.key").unlink()
    [feed] = (await vault.client.get("/api/feeds", authorization=BEARER)).json()["feeds"]
    page = await vault.client.get("/access/feeds", accept=HTML, authorization=BEARER)

    assert (feed["rss"], feed["atom"]) == (None, None)
    assert "data-lost" in page.text
    assert (await vault.client.get(path)).status == 200
    assert (
        b"xmlUrl" not in (await vault.client.get("/access/feeds.opml", authorization=BEARER)).body
    )


async def test_each_user_has_their_own_feeds(vault: ApiVault) -> None:
    await make_feed(vault)
    authenticator = authenticator_of(vault)
    await authenticator.users.add("jane", Role.VIEWER, "nine brown horses")
    token, _ = await authenticator.tokens.add("phone", Scope.ADMIN, user="jane")
    hers = f"Bearer {token}"
    [feed] = (await vault.client.get("/api/feeds", authorization=BEARER)).json()["feeds"]

    assert (await vault.client.get("/api/feeds", authorization=hers)).json() == {"feeds": []}
    assert (await vault.client.delete(f"/api/feeds/{feed['id']}", authorization=hers)).status == 404
    made = await vault.client.post("/api/feeds", {"name": "Trains"}, authorization=hers)
    assert made.status == 201
    assert (await vault.client.get(urlsplit(made.json()["rss"]).path)).status == 200


async def test_a_token_that_only_reads_learns_no_addresses(vault: ApiVault) -> None:
    await make_feed(vault)
    token, _ = await authenticator_of(vault).tokens.add("reader", Scope.READ)
    for path in ("/api/feeds", "/access/feeds", "/access/feeds.opml"):
        assert (await vault.client.get(path, authorization=f"Bearer {token}")).status == 403


async def test_the_last_request_is_noted(vault: ApiVault) -> None:
    path = await make_feed(vault)

    async def fetched() -> str | None:
        value: str | None = (await vault.client.get("/api/feeds", authorization=BEARER)).json()[
            "feeds"
        ][0]["fetched_at"]
        return value

    assert await fetched() is None
    await vault.client.get(path)
    first = await fetched()
    vault.clock.advance(timedelta(minutes=9).total_seconds())
    await vault.client.get(path)
    assert await fetched() == first is not None
    vault.clock.advance(timedelta(minutes=1).total_seconds())
    await vault.client.get(path)
    assert await fetched() != first


# --- addresses


@pytest.mark.parametrize(
    ("settings", "host", "base"),
    [
        ({}, "localhost:8420", "http://localhost:8420/"),
        ({"base_path": "/mediavault"}, "127.0.0.1:8420", "http://127.0.0.1:8420/mediavault/"),
        (
            {"host_names": ["vault.example"], "trusted_proxies": ["127.0.0.1"], "base_path": "/mv"},
            "vault.example",
            "https://vault.example/mv/",
        ),
    ],
)
async def test_addresses_follow_the_request_and_the_settings(
    make_vault: MakeVault, settings: dict[str, object], host: str, base: str
) -> None:
    vault = make_vault(token=TOKEN, **settings)
    await add(vault, 1)
    prefix = str(settings.get("base_path", ""))
    made = await vault.client.post(f"{prefix}/api/feeds", {"name": "Trains"}, authorization=BEARER)
    path = urlsplit(made.json()["rss"]).path
    assert path.startswith(f"{prefix}/feeds/")
    answer = await vault.client.get(path, host=host)
    addresses = re.findall(r'<[\w:]+ (?:url|href)="(http[^"]*)"', answer.text)

    assert answer.status == 200
    assert len(addresses) == 4
    assert all(address.startswith(f"{base}feeds/") for address in addresses)
    inside = urlsplit(next(address for address in addresses if address.endswith(".mp4")))
    assert (await vault.client.get(inside.path, host=host)).status == 200


async def test_a_token_behind_an_https_proxy_makes_feeds_at_https_addresses(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN, host_names=["vault.example"])
    made = await vault.client.post(
        "/api/feeds", {"name": "Trains"}, authorization=BEARER, host="vault.example"
    )

    assert made.json()["rss"].startswith("https://vault.example/feeds/")


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("[::1]", True), ("[::1]:8420", True), ("localhost", True), ("192.168.1.20", False)],
)
async def test_the_page_says_when_only_this_computer_can_open_its_feeds(
    make_vault: MakeVault, host: str, is_local: bool
) -> None:
    vault = make_vault(token=TOKEN, host="127.0.0.1" if is_local else "0.0.0.0")
    await vault.client.post("/api/feeds", {"name": "Trains"}, authorization=BEARER)
    page = await vault.client.get("/access/feeds", accept=HTML, authorization=BEARER, host=host)

    assert ("These addresses work on this computer only." in page.text) is is_local


async def test_a_feed_keeps_the_scheme_under_which_it_was_made(vault: ApiVault) -> None:
    feed = await vault.rss_feeds.add("Trains", "", base="https://127.0.0.1:8420/")
    secret = await vault.rss_feeds.secret_of(feed)
    answer = await vault.client.get(f"/feeds/{secret}/rss.xml")

    assert f'href="https://127.0.0.1:8420/feeds/{secret}/rss.xml"' in answer.text


# --- forms, the page and OPML


async def test_the_page_makes_lists_and_revokes_feeds(vault: ApiVault) -> None:
    await add(vault, 1)
    offered = await vault.client.get(
        "/access/feeds?q=watch&state=failed", accept=HTML, authorization=BEARER
    )
    assert 'name="filter" value="q=watch"' in offered.text
    made = await vault.client.submit(
        "/access/feeds",
        {"name": "Trains & <b>", "filter": "q=watch"},
        accept=HTML,
        authorization=BEARER,
    )
    assert made.status == 303
    page = await vault.client.get(made.headers["location"], accept=HTML, authorization=BEARER)
    [path] = re.findall(r"http://127\.0\.0\.1:8420(/feeds/[\w-]{43}/rss\.xml)<", page.text)
    assert (await vault.client.get(path)).status == 200
    assert "Trains &amp; &lt;b&gt;" in page.text
    assert "Search text: watch" in page.text
    assert "never fetched" in page.text
    [revoke] = re.findall(r'action="(/access/feeds/[0-9a-f-]+/revoke)"', page.text)

    await vault.client.submit(revoke, accept=HTML, authorization=BEARER)
    assert (await vault.client.get(path)).status == 404
    assert (await vault.client.submit(revoke, accept=HTML, authorization=BEARER)).status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 81},
        {"name": "a\x00b"},
        {"name": "a\u202eb"},
        {"name": "Trains"},
        {"filter": "mine=nobody"},
        {"filter": "since=yesterday"},
        {"filter": "tags=trains"},
        {"filter": "everything"},
        {"filter": 'tag="'},
        {"filter": "shortest=-1"},
    ],
)
async def test_bad_input_makes_no_feed_and_says_why(
    vault: ApiVault, fields: dict[str, str]
) -> None:
    """Above all no feed of more than was meant."""
    await make_feed(vault)
    values = {"name": "Others", "filter": "q=trains"} | fields
    by_form = await vault.client.submit("/access/feeds", values, accept=HTML, authorization=BEARER)
    by_api = await vault.client.post("/api/feeds", values, authorization=BEARER)

    assert (by_form.status, by_api.status) == (422, 422)
    assert len(await vault.rss_feeds.all()) == 1


async def test_a_user_has_at_most_100_feeds(vault: ApiVault) -> None:
    for number in range(100):
        await vault.rss_feeds.add(f"Feed {number}", "")
    answer = await vault.client.post("/api/feeds", {"name": "One more"}, authorization=BEARER)

    assert (answer.status, "already 100" in answer.text) == (422, True)


async def test_all_feeds_are_listed_as_opml(vault: ApiVault) -> None:
    paths = [await make_feed(vault, name=name) for name in ("Älpler & <Söhne>", "Trains")]
    answer = await vault.client.get("/access/feeds.opml", authorization=BEARER)
    outlines = ET.fromstring(answer.body).findall("body/outline")

    assert answer.headers["content-disposition"] == 'attachment; filename="mediavault.opml"'
    assert answer.headers["cache-control"] == "no-store"
    assert [
        outline.attrib
        for outline in sorted(outlines, key=lambda each: each.attrib["text"], reverse=True)
    ] == [
        {"type": "rss", "text": name, "title": name, "xmlUrl": f"http://127.0.0.1:8420{path}"}
        for name, path in zip(("Älpler & <Söhne>", "Trains"), paths, strict=True)
    ]


async def test_a_damaged_record_opens_nothing_and_breaks_no_page(vault: ApiVault) -> None:
    path = await make_feed(vault)
    [record] = await vault.store.records.all(RecordKind.RSS_FEED)
    for value in (
        {**record.value, "filter": "mine=nobody"},
        {**record.value, "made_at": "never"},
        {},
    ):
        await vault.store.records.put(RecordKind.RSS_FEED, record.key, value)
        assert (await vault.client.get(path)).status == 404
        assert (
            await vault.client.get("/access/feeds", accept=HTML, authorization=BEARER)
        ).status == 200


async def test_an_unknown_time_zone_or_language_is_the_default(vault: ApiVault) -> None:
    path = await make_feed(vault, "since=2020-01-01")
    [record] = await vault.store.records.all(RecordKind.RSS_FEED)
    value = {**record.value, "locale": "xx", "zone": "../etc/passwd"}
    await vault.store.records.put(RecordKind.RSS_FEED, record.key, value)

    assert (await vault.client.get(path)).status == 200
