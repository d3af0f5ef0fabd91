"""The secrets in addresses, such as a private feed's token, reach admins only. Every value here
that is one has the canary in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute

from mediavault.auth.authenticator import COOKIE, Authenticator
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.permissions import Scope
from mediavault.core import marks
from mediavault.core.clock import to_micros
from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobItem,
    Stage,
    StepOutcome,
    saved_files,
)
from mediavault.core.listings import Entry
from mediavault.core.marks import Mark
from mediavault.core.media import Account, Candidate, Extraction, FoundIn, Item, Post, SourceType
from mediavault.core.messages import Message
from mediavault.core.users import Role
from mediavault.features.following.decisions import ListedPost
from mediavault.features.following.filters import Reason
from mediavault.features.following.inbox import note_arrivals
from mediavault.features.following.model import EntryState, SeenEntry, Source
from mediavault.features.following.previews import ReadList
from mediavault.features.following.records import (
    change_state,
    follow,
    mark_posts,
    put_seen,
    put_waiting,
)
from mediavault.features.notifications.events import event_of
from mediavault.library.nfo import video_nfo
from mediavault.library.sidecars import write_sidecar
from mediavault.presentation.views import saved_paths
from mediavault.store.port import StoredJob
from mediavault.store.tables import SOURCE_ENTRIES
from mediavault.store.trash import move_to_trash
from mediavault.worker.stages.convert import tags_of
from tests.asgi_client import Answer, Connection
from tests.http_vault import ApiVault, MakeVault
from tests.previewed import add_preview

CANARY = "CANARY7f3a"
HTML = "text/html"
pytestmark = pytest.mark.usefixtures("cheap_hashing")
PAGE = f"https://videos.example/watch/{{}}?v=7&token={CANARY}"
MEDIA = f"https://cdn.example/v.mp4?X-Amz-Signature={CANARY}&Policy={CANARY}"
FEED = f"https://videos.example/feed?auth={CANARY}"
PASSWORD = "nine brown horses"
AMBIGUOUS = Message(
    "The link leads to %(url)s, and that to %(media)s.", url=PAGE.format(0), media=MEDIA
)


@dataclass
class Filled:
    """A vault with posts in every state, a source and a preview,
    whose addresses all have a secret.
    """

    vault: ApiVault
    jobs: dict[str, Job]

    @property
    def authenticator(self) -> Authenticator:
        authenticator: Authenticator = self.vault.client.app.state.authenticator  # type: ignore[attr-defined]
        return authenticator

    async def as_user(self, name: str) -> dict[str, str]:
        """Return the headers of a signed-in browser."""
        return {
            "cookie": f"{COOKIE}={await self.authenticator.sessions.begin(ClientInfo(), user=name)}"
        }

    async def with_token(self, scope: Scope) -> dict[str, str]:
        """Return the headers of a program with a token of the owner's."""
        token, _ = await self.authenticator.tokens.add(f"program-{scope}", scope)
        return {"authorization": f"Bearer {token}"}

    async def get(self, path: str, headers: dict[str, str]) -> Answer:
        return await self.vault.client.get(path, accept=HTML, **headers)


def with_secrets(job: Job) -> Job:
    """Return the job with a secret in each of its addresses."""
    candidates = tuple(
        Candidate(
            f"{MEDIA}&n={n}",
            SourceType.DIRECT,
            FoundIn.API,
            audio_url=MEDIA,
            thumbnail_url=MEDIA,
            signed=True,
            item=0,
        )
        for n in range(2)
    )
    candidates += (Candidate(f"data:application/dash+xml,{CANARY}", SourceType.DASH, FoundIn.API),)
    items = job.items or (JobItem(Item(), ItemStatus.SKIPPED),)
    return replace(
        job,
        items=tuple(replace(item, item=replace(item.item, thumbnail_url=MEDIA)) for item in items),
        candidates=candidates,
        chosen_urls=(MEDIA,),
        extracted_url=MEDIA,
        image_urls=(MEDIA,),
        thumbnail_url=MEDIA,
        metadata={
            "final_url": PAGE.format(0),
            "resolved_url": PAGE.format(0),
            "post_id": "7",
            "more": [{"u": MEDIA}],
        },
        account=Account("generic", "jane", "Jane", "jane"),
        error=AMBIGUOUS if job.error_code else None,
    )


@pytest.fixture
async def filled(make_vault: MakeVault) -> Filled:
    vault = make_vault()
    filled = Filled(vault, {})
    await filled.authenticator.users.take("seven grey herons")
    for role in Role:
        await filled.authenticator.add_user(role, role, PASSWORD)
    made = {
        "saved": await vault.add_saved(PAGE.format(1)),
        "failed": await vault.add_failed(PAGE.format(2)),
    }
    await vault.add(PAGE.format(3))
    made["ambiguous"] = await vault.store.queue.fail(
        await vault.claim(), error_code=ErrorCode.AMBIGUOUS, error=AMBIGUOUS, retry_in=None
    )
    made["removed"] = await vault.add_saved(PAGE.format(4), name="jane/Old.mp4")
    made["queued"] = await vault.add(PAGE.format(5))
    step = HistoryRecord(vault.clock.now(), 1, Stage.EXTRACT, StepOutcome.FAILED, detail=AMBIGUOUS)
    for name, job in made.items():
        await vault.store.catalogue.remove(job.id)
        await vault.store.catalogue.import_jobs([StoredJob(with_secrets(job), (step,))])
        filled.jobs[name] = await vault.store.catalogue.get(job.id)
    saved = filled.jobs["saved"]
    sidecar = json.dumps(sidecar_of(saved))
    (vault.downloads / "jane/A film [1].info.json").write_text(sidecar)
    await vault.store.marks.put([Mark(saved.id, marks.collection("Trains"), "Trains")])
    await move_to_trash(
        vault.store,
        vault.services.library,
        vault.clock,
        filled.jobs["removed"].id,
        saved_paths,
        batch="b",
    )
    await add_source(vault, saved)
    return filled


async def add_source(vault: ApiVault, saved: Job) -> None:
    """Follow a list whose address and entries have secrets, with entries in every state,
    and preview it.
    """
    now, records = vault.clock.now(), vault.store.records
    draft = Source("s-1", FEED, "generic", now)
    await follow(vault.store.tables, draft)
    wall = Message("The list leads to %(url)s.", url=FEED)
    await change_state(
        vault.store.tables,
        "s-1",
        lambda state: replace(
            state,
            error=wall,
            failing_since=now - timedelta(days=9),
            failures=9,
            seen=3,
            waiting=1,
            checked_at=now,
        ),
    )
    entries = {
        state: SeenEntry(state, PAGE.format(f"e-{state}"), seen_at=now) for state in EntryState
    }
    entries = {
        **entries,
        EntryState.SKIPPED: replace(entries[EntryState.SKIPPED], reason=Reason.WORDS),
    }
    await put_seen(
        vault.store.tables, "s-1", {f"k-{state}": entry for state, entry in entries.items()}
    )
    await put_seen(
        vault.store.tables, "s-1", {"k-gone": SeenEntry(EntryState.SAVED, PAGE.format("gone"))}
    )
    await vault.store.tables.update(
        SOURCE_ENTRIES, [("s-1", "k-gone")], {"unlisted_at": to_micros(now)}
    )
    await put_waiting(
        vault.store.tables, "s-1", now, [(f"k-{EntryState.WAITING}", entries[EntryState.WAITING])]
    )
    await mark_posts(vault.store, "s-1", [saved.id])
    await note_arrivals(vault.store, [saved.id], are_news=True)
    listed = ListedPost("new", Entry(PAGE.format("new")), PAGE.format("new"))
    await add_preview(records, draft, "p-1", ReadList((listed,)), now)


def sidecar_of(job: Job) -> dict[str, object]:
    saved = saved_files(job)[0]
    return write_sidecar(
        job, None, [JobItem(Item(), ItemStatus.SAVED, saved)], 0, saved, saved_at=job.created_at
    )


def paths_of(filled: Filled) -> Iterator[str]:
    """Every address that a GET may ask for, with the names of what the vault has."""
    values = {
        "source_id": "s-1",
        "preview_id": "p-1",
        "platform": "generic",
        "slug": "jane",
        "place": "0",
        "number": "0",
        "section": "files",
    }
    values |= {"title": "Trains", "name": "Trains", "key": "nothing"}
    for route in filled.vault.client.app.routes:  # type: ignore[attr-defined]
        if (
            not isinstance(route, APIRoute)
            or "GET" not in (route.methods or ())
            or route.path == "/api/events"
        ):
            continue
        for job in (
            filled.jobs.values() if "{job_id}" in route.path else [next(iter(filled.jobs.values()))]
        ):
            yield filled_in(route.path, {**values, "job_id": job.id})
    yield from (
        "/library?state=all",
        "/library?view=list&state=all",
        "/library/export?format=csv&state=all",
    )
    yield from (
        "/library/export?format=jsonl&state=all",
        "/sources?change=s-1",
        "/api/sources/s-1/entries?unlisted=true",
    )
    yield from (f"/api/sources/s-1/entries?state={state}" for state in EntryState)
    yield f"/library?q={filled.jobs['saved'].id}"


def filled_in(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: values[name[1]], path)


CALLERS = ["viewer", "member", Scope.READ, Scope.SUBMIT]


async def headers_of(filled: Filled, caller: str) -> dict[str, str]:
    return await (
        filled.with_token(caller) if isinstance(caller, Scope) else filled.as_user(caller)
    )


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_answer_below_admin_has_a_secret_of_an_address(
    filled: Filled, caller: str
) -> None:
    headers, answered, leaking = await headers_of(filled, caller), 0, []
    for path in paths_of(filled):
        answer = await filled.get(path, headers)
        answered += answer.status == 200
        if CANARY.encode() in answer.body:
            leaking.append(path)

    assert leaking == []
    assert answered > (3 if caller is Scope.SUBMIT else 40)


@pytest.mark.parametrize("caller", ["viewer", Scope.READ])
async def test_no_event_below_admin_has_a_secret_of_an_address(filled: Filled, caller: str) -> None:
    headers = await headers_of(filled, caller)
    async with filled.vault.client.open(
        "/api/events?since=2020-01-01T00:00:00Z", **headers
    ) as stream:
        missed = await until_named(stream, filled.jobs["saved"])
        job = await filled.vault.add(PAGE.format(6))
        await filled.vault.client.app.state.feed.poll()  # type: ignore[attr-defined]
        live = await until_named(stream, job)

    assert CANARY not in missed + live


async def until_named(stream: Connection, job: Job) -> str:
    """Return what a stream sends up to the event of a job."""
    text = ""
    while job.id not in text:
        text += (await stream.chunk()).decode()
    return text


async def test_admins_see_whole_addresses(filled: Filled) -> None:
    """They need them to fetch a post by hand, and to follow a source in another vault."""
    headers, saved = await filled.as_user("admin"), filled.jobs["saved"]
    job = (await filled.get(f"/api/jobs/{saved.id}", headers)).json()
    opml = (await filled.get("/sources/export", headers)).text

    assert job["post_url"] == PAGE.format(1)
    assert job["candidates"][0]["url"] == f"{MEDIA}&n=0"
    assert job["metadata"]["more"] == [{"u": MEDIA}]
    assert f'xmlUrl="{FEED}"' in opml
    assert CANARY in (await filled.get(f"/jobs/{saved.id}", headers)).text
    assert CANARY in (await filled.get("/library/export?format=csv", headers)).text


async def test_below_admin_addresses_still_name_post_and_host(filled: Filled) -> None:
    job = (
        await filled.get(f"/api/jobs/{filled.jobs['saved'].id}", await filled.as_user("viewer"))
    ).json()

    assert job["post_url"] == job["canonical_url"] == "https://videos.example/watch/1?v=7&token=…"
    assert [one["url"] for one in job["candidates"]] == ["https://cdn.example/v.mp4?…"] * 2 + [
        "data:…"
    ]
    assert job["error"] is None


async def test_a_member_chooses_candidates_by_number(filled: Filled) -> None:
    job, headers = filled.jobs["ambiguous"], await filled.as_user("member")
    answer = await filled.vault.client.post(f"/api/jobs/{job.id}/retry", {"chosen": [1]}, **headers)

    assert answer.status == 200
    assert (await filled.vault.store.catalogue.get(job.id)).chosen_urls == (f"{MEDIA}&n=1",)


async def test_only_an_admin_seals_a_post_whose_address_has_a_secret(filled: Filled) -> None:
    """The copy documents the page, whose whole address is part of it."""
    job = filled.jobs["saved"]
    asked = {}
    for user in ("member", "admin"):
        headers = await filled.as_user(user)
        begun = await filled.vault.client.post(f"/api/jobs/{job.id}/seal", {}, **headers)
        asked[user] = (
            begun.status,
            (await filled.get(f"/files/{job.id}/sealed-copy", headers)).status,
        )

    assert asked == {"member": (403, 403), "admin": (202, 200)}


async def test_what_strangers_get_has_no_secret_of_an_address(filled: Filled) -> None:
    key, _ = await filled.vault.shared_links.add(filled.jobs["saved"], 0)
    feed = await filled.vault.rss_feeds.add("All", "", user="viewer")
    secret = await filled.vault.rss_feeds.secret_of(feed)
    for path in (f"/s/{key}", f"/feeds/{secret}/rss.xml", f"/feeds/{secret}/atom.xml"):
        answer = await filled.get(path, {})

        assert answer.status == 200
        assert "videos.example" in answer.text or path.startswith("/s/")
        assert CANARY not in answer.text


def test_no_file_next_to_a_video_has_a_secret_of_an_address(filled: Filled) -> None:
    sidecar = sidecar_of(filled.jobs["saved"])

    assert CANARY not in json.dumps(sidecar) + video_nfo(sidecar, "videos.example")
    assert "https://videos.example/watch/1?v=7&amp;token=…" in video_nfo(sidecar, "videos.example")


def test_a_file_of_sound_has_no_secret_of_an_address() -> None:
    post = Post(PAGE.format(1), PAGE.format(1), "generic")

    assert CANARY not in str(
        tags_of(
            Extraction(post, final_url=post.url, account=Account("generic", "jane", "Jane", "jane"))
        )
    )


def test_a_notification_has_no_secret_of_an_address(filled: Filled) -> None:
    event = event_of(filled.jobs["ambiguous"])

    assert event is not None
    assert CANARY not in str(event)
