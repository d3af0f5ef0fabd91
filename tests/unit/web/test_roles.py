"""What each role reaches, and that no page offers more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from fastapi.routing import APIRoute

from mediavault.auth.authenticator import COOKIE, Authenticator
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.permissions import Scope, least_role
from mediavault.core import marks
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job
from mediavault.core.marks import Mark
from mediavault.core.media import Account, Candidate, FoundIn, SourceType
from mediavault.core.records import RecordKind
from mediavault.core.users import OWNER, Role
from mediavault.features.following.inbox import count_news, mark_seen, note_arrivals
from mediavault.features.following.model import Source
from mediavault.features.following.records import follow, mark_posts
from mediavault.store.port import Checkpoint
from tests.asgi_client import Answer
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault
from tests.stubs import fail_by_length
from tests.unit.features.sharing.test_pages import OPEN_TO_STRANGERS

HTML = "text/html"
NO_JOB = "01930000-0000-7000-8000-000000000000"
OWNERS, OTHERS = "seven grey herons", "nine brown horses"
pytestmark = pytest.mark.usefixtures("cheap_hashing")

# The methods of every route, by the least role that may request it. A new route gets a line in one
# of these.
OF_VIEWERS = {
    "/api/queue": "GET",
    "/api/sources/inbox": "GET",
    "/api/sources/inbox/seen": "POST",
    "/sources/inbox": "GET",
    "/sources/inbox/seen": "POST",
    "/": "GET",
    "/access": "GET",
    "/access/feeds": "GET POST",
    "/access/feeds.opml": "GET",
    "/access/feeds/{feed_id}/revoke": "POST",
    "/access/password": "POST",
    "/access/sessions/{name}/end": "POST",
    "/access/sign-out-everywhere": "POST",
    "/access/tokens": "POST",
    "/access/tokens/{token_id}/revoke": "POST",
    "/accounts": "GET",
    "/accounts/{platform}/{slug}": "GET",
    "/api/accounts": "GET",
    "/api/collections": "GET",
    "/api/collections/{name:path}": "GET",
    "/api/events": "GET",
    "/api/feeds": "GET POST",
    "/api/feeds/{feed_id}": "DELETE",
    "/api/jobs": "GET",
    "/api/jobs/{job_id}": "GET",
    "/api/jobs/{job_id}/comments": "GET",
    "/api/jobs/{job_id}/history": "GET",
    "/api/jobs/{job_id}/same": "GET",
    "/api/jobs/{job_id}/items/{place}/format": "GET",
    "/api/jobs/{job_id}/items/{place}/preview": "GET",
    "/api/jobs/{job_id}/items/{place}/tracks": "GET",
    "/api/jobs/{job_id}/spoken": "GET",
    "/api/jobs/{job_id}/marks": "PATCH",
    "/api/jobs/{job_id}/position": "PUT",
    "/api/jobs/{job_id}/verify": "GET",
    "/api/marks": "POST",
    "/api/searches": "GET",
    "/api/searches/{name:path}": "DELETE PUT",
    "/api/tags": "GET",
    "/api/totals": "GET",
    "/collections": "GET",
    "/collections/{title:path}": "GET",
    "/files/{job_id}/items/{place}/preview": "GET",
    "/files/{job_id}/items/{place}/sidecar": "GET",
    "/files/{job_id}/items/{place}/subtitles/{number}": "GET",
    "/files/{job_id}/items/{place}/thumbnail": "GET",
    "/files/{job_id}/items/{place}/video": "GET",
    "/files/{job_id}/sidecar": "GET",
    "/files/{job_id}/thumbnail": "GET",
    "/files/{job_id}/video": "GET",
    "/jobs/{job_id}": "GET",
    "/jobs/{job_id}/mark": "POST",
    "/library": "GET",
    "/library/changes": "GET",
    "/library/export": "GET POST",
    "/library/feed": "GET",
    "/library/mark": "POST",
    "/library/searches": "POST",
    "/library/undo": "POST",
    "/library/zip": "GET POST",
    "/logout": "POST",
    "/search": "GET",
    "/you": "GET",
    "/access/phone": "GET",
}
OF_MEMBERS = {
    "/access/links": "GET",
    "/access/links/{link_id}/revoke": "POST",
    "/access/sharing": "POST",
    "/api/collections/{name:path}": "DELETE PATCH PUT",
    "/api/jobs": "POST",
    "/api/jobs/{job_id}": "DELETE",
    "/api/jobs/{job_id}/cancel": "POST",
    "/api/jobs/{job_id}/stop": "POST",
    "/api/jobs/{job_id}/priority": "POST",
    "/api/jobs/{job_id}/retry": "POST",
    "/api/jobs/{job_id}/seal": "GET POST",
    "/api/jobs/{job_id}/verify": "POST",
    "/api/profiles": "GET",
    "/api/sources": "GET",
    "/api/sources/preview/{preview_id}": "GET",
    "/api/sources/export": "GET",
    "/api/sources/{source_id}": "GET",
    "/api/sources/{source_id}/entries": "GET",
    "/api/sources/{source_id}/picture": "GET",
    "/api/tags/{name:path}": "DELETE PATCH",
    "/api/trash": "GET",
    "/api/trash/{job_id}/restore": "POST",
    "/collections": "POST",
    "/collections/{title:path}": "POST",
    "/failures/retry": "POST",
    "/files/{job_id}/candidates/{number}/frame": "GET",
    "/files/{job_id}/sealed-copy": "GET",
    "/jobs/{job_id}/again": "POST",
    "/jobs/{job_id}/cancel": "POST",
    "/jobs/{job_id}/stop": "POST",
    "/jobs/{job_id}/log": "GET",
    "/jobs/{job_id}/remove": "POST",
    "/jobs/{job_id}/priority": "POST",
    "/jobs/{job_id}/retry": "POST",
    "/jobs/{job_id}/seal": "POST",
    "/jobs/{job_id}/share": "POST",
    "/jobs/{job_id}/verify": "POST",
    "/just-now/dismiss": "POST",
    "/library/remove": "POST",
    "/library/retry": "POST",
    "/share": "POST",
    "/sources": "GET",
    "/sources/preview/{preview_id}": "GET",
    "/sources/export": "GET",
    "/sources/{source_id}": "GET",
    "/submit": "POST",
    "/submit/check": "POST",
    "/trash": "GET",
    "/trash/restore": "POST",
}
OF_ADMINS = {
    "/access/name": "POST",
    "/access/users": "POST",
    "/access/users/{name}/password": "POST",
    "/access/users/{name}/remove": "POST",
    "/access/users/{name}/role": "POST",
    "/api/site-limits": "GET",
    "/api/site-limits/{platform}/open": "POST",
    "/api/login-window": "GET POST",
    "/api/login-window/close": "POST",
    "/api/login-window/viewer": "GET POST",
    "/api/profiles/{name}": "DELETE PUT",
    "/api/queue/pause": "POST",
    "/api/queue/resume": "POST",
    "/api/sessions": "GET",
    "/api/sessions/{platform}": "DELETE",
    "/api/sessions/{platform}/cookies": "POST",
    "/api/retention": "GET",
    "/api/retention/check": "POST",
    "/api/retention/rules/{key}": "DELETE PUT",
    "/api/sources": "POST",
    "/api/sources/preview": "POST",
    "/api/sources/import": "POST",
    "/api/sources/{source_id}": "PATCH DELETE",
    "/api/sources/{source_id}/check": "POST",
    "/api/sources/{source_id}/preview": "POST",
    "/api/sources/{source_id}/save": "POST",
    "/api/trash": "DELETE",
    "/api/trash/{job_id}": "DELETE",
    "/api/worker/health": "GET",
    "/doctor": "GET POST",
    "/doctor/ytdlp": "GET POST",
    "/doctor/ytdlp/former": "POST",
    "/site-limits/{platform}/open": "POST",
    "/queue/pause": "POST",
    "/queue/resume": "POST",
    "/jobs/{job_id}/window": "POST",
    "/metrics": "GET",
    "/profiles": "GET POST",
    "/profiles/remove": "POST",
    "/sessions": "GET",
    "/sessions/window": "GET",
    "/sessions/window/close": "POST",
    "/sessions/{platform}/cookies": "POST",
    "/sessions/{platform}/sign-out": "POST",
    "/sessions/{platform}/window": "POST",
    "/api/notifications": "GET",
    "/api/notifications/targets": "POST",
    "/api/notifications/targets/{target_id}": "PATCH DELETE",
    "/api/notifications/targets/{target_id}/secret": "POST",
    "/api/notifications/targets/{target_id}/test": "POST",
    "/api/notifications/deliveries/{delivery_id}/send": "POST",
    "/notifications": "GET",
    "/notifications/targets": "POST",
    "/notifications/targets/{target_id}/events": "POST",
    "/notifications/targets/{target_id}/pause": "POST",
    "/notifications/targets/{target_id}/remove": "POST",
    "/notifications/targets/{target_id}/resume": "POST",
    "/notifications/targets/{target_id}/secret": "POST",
    "/notifications/targets/{target_id}/test": "POST",
    "/notifications/deliveries/{delivery_id}/send": "POST",
    "/retention": "GET POST",
    "/retention/check": "POST",
    "/settings": "GET POST",
    "/settings/name": "GET",
    "/settings/{section}": "GET",
    "/settings/{name}/reset": "POST",
    "/sites": "GET",
    "/sites/{platform}": "GET",
    "/sites/{platform}/open": "POST",
    "/sources": "POST",
    "/sources/preview": "POST",
    "/sources/import": "GET POST",
    "/sources/{source_id}": "POST",
    "/sources/{source_id}/check": "POST",
    "/sources/{source_id}/newest": "POST",
    "/sources/{source_id}/pause": "POST",
    "/sources/{source_id}/preview": "POST",
    "/sources/{source_id}/remove": "POST",
    "/sources/{source_id}/resume": "POST",
    "/sources/{source_id}/save": "POST",
    "/trash/empty": "POST",
}


def authenticator_of(vault: ApiVault) -> Authenticator:
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    return authenticator


@pytest.fixture
async def vault(make_vault: MakeVault) -> ApiVault:
    """A vault with a user of each role, named after it."""
    vault = make_vault()
    await authenticator_of(vault).users.take(OWNERS)
    for role in Role:
        await authenticator_of(vault).add_user(role, role, OTHERS)
    return vault


class Browser:
    """The browser of a user who has signed in."""

    def __init__(self, vault: ApiVault, user: str, session_id: str) -> None:
        self.vault = vault
        self.user = user
        self._cookie = f"{COOKIE}={session_id}"

    async def get(self, path: str) -> Answer:
        return await self.vault.client.get(path, accept=HTML, cookie=self._cookie)

    async def submit(self, path: str, **fields: str) -> Answer:
        return await self.vault.client.submit(path, fields, accept=HTML, cookie=self._cookie)

    async def send(self, method: str, path: str, body: object = None) -> Answer:
        kind = (
            "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
        )
        headers = {
            "accept": HTML,
            "cookie": self._cookie,
            "content-type": kind,
            "sec-fetch-site": "same-origin",
        }
        content = (
            b""
            if method == "GET"
            else json.dumps(body or {}).encode()
            if kind.endswith("json")
            else b""
        )
        return await self.vault.client.request(method, path, headers=headers, body=content)


async def browser_of(vault: ApiVault, user: str) -> Browser:
    return Browser(
        vault, user, await authenticator_of(vault).sessions.begin(ClientInfo(), user=user)
    )


def was_refused(answer: Answer) -> bool:
    return answer.status == 403 and (
        "Only an admin may" in answer.text or "You can watch" in answer.text
    )


# --- what each role reaches


def routes(vault: ApiVault) -> Iterator[tuple[str, str]]:
    """The methods and paths of all routes that need a sign-in."""
    for route in vault.client.app.routes:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute) and (
            route.path not in OPEN_TO_STRANGERS or route.path == "/share"
        ):
            yield from ((method, route.path) for method in route.methods or () if method != "HEAD")


def filled(route: str) -> str:
    """The route's path with values that name nothing."""
    values = {"job_id": NO_JOB, "place": "0", "number": "0"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: values.get(name[1], "nothing"), route)


def test_every_route_has_a_least_role(vault: ApiVault) -> None:
    tables = {Role.VIEWER: OF_VIEWERS, Role.MEMBER: OF_MEMBERS, Role.ADMIN: OF_ADMINS}
    listed = {
        (method, path): role
        for role, table in tables.items()
        for path in table
        for method in table[path].split()
    }

    assert {
        (method, path): least_role(method, filled(path)) for method, path in routes(vault)
    } == listed


@pytest.mark.parametrize("role", Role)
async def test_a_role_reaches_its_routes_and_no_others(vault: ApiVault, role: Role) -> None:
    reached = {}
    for method, route in routes(vault):
        if route != "/api/events":  # a stream without an end
            # a new one each time, since some requests end its session
            browser = await browser_of(vault, role)
            reached[method, route] = not was_refused(await browser.send(method, filled(route)))

    assert len(reached) > 110
    assert reached == {
        (method, route): least_role(method, filled(route)).rank <= role.rank
        for method, route in reached
    }


async def test_the_sign_in_window_is_for_admins(vault: ApiVault) -> None:
    """Its screen is a WebSocket, which is no route like the others."""
    assert least_role("GET", "/api/login-window/screen") is Role.ADMIN


# --- what the pages offer


class Offers(HTMLParser):
    """The requests that a page offers: its links and forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._add("GET", values.get("href") if tag == "a" else None)
        self._add("POST", values.get("formaction"))
        if tag == "form":
            self._add((values.get("method") or "get").upper(), values.get("action"))

    def _add(self, method: str, address: str | None) -> None:
        path = (address or "").partition("#")[0].partition("?")[0]
        if path.startswith("/") and not path.startswith(("/static/", "/s/", "/appearance")):
            self.found.add((method, path))


async def posts_of_every_kind(vault: ApiVault) -> list[Job]:
    saved, failed = await vault.add_saved(), await vault.add_failed(f"{POST}0")
    await vault.store.marks.put(
        [
            *(Mark(job.id, marks.tag("cats"), "cats") for job in (saved, failed)),
            *(Mark(job.id, marks.collection("Trains"), "Trains") for job in (saved, failed)),
            Mark(saved.id, "note", "seen twice"),
        ]
    )
    await vault.add(f"{POST}1")
    claim = await vault.claim()
    candidates = tuple(
        Candidate(f"https://videos.example/{name}.mp4", SourceType.DIRECT, FoundIn.API)
        for name in "ab"
    )
    account = Account("x", "jane", "Jane Roe", "jane")
    await vault.store.queue.checkpoint(
        claim, Checkpoint(None, None, SourceType.DIRECT, candidates, (), account, None, {})
    )
    ambiguous = await vault.store.queue.fail(
        claim, error_code=ErrorCode.AMBIGUOUS, error="Two.", retry_in=None
    )
    await vault.add(f"{POST}2")
    claim = await vault.claim()
    walled = await vault.store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="No.", retry_in=None
    )
    await vault.add(f"{POST}3")
    asked = await fail_by_length(vault.store, await vault.claim())
    await vault.add(f"{POST}4")
    return [saved, failed, ambiguous, walled, asked]


PAGES = (
    "/",
    "/library",
    "/library?state=all",
    "/library/feed",
    "/collections",
    "/collections/Trains",
    "/accounts",
    "/access",
    "/trash",
    "/sources",
    "/sources/inbox",
)


@pytest.mark.parametrize("role", Role)
async def test_no_page_offers_what_the_role_is_refused(vault: ApiVault, role: Role) -> None:
    jobs = await posts_of_every_kind(vault)
    browser = await browser_of(vault, role)
    source = await follow(
        vault.store.tables,
        Source("s-1", "https://videos.example/feed", "generic", vault.clock.now()),
    )
    offered = set()
    for path in (
        *PAGES,
        f"/sources/{source.id}",
        "/accounts/videos.example/jane",
        *(f"/jobs/{job.id}" for job in jobs),
    ):
        if least_role("GET", path.partition("?")[0]).rank <= role.rank:
            answer = await browser.get(path)
            offered |= Offers(answer.text).found if answer.status == 200 else set()

    assert len(offered) > 20
    assert [
        (method, path)
        for method, path in sorted(offered)
        if least_role(method, path).rank > role.rank
    ] == []


async def test_a_viewers_home_has_what_there_is_to_watch_and_nothing_else(vault: ApiVault) -> None:
    browser = await browser_of(vault, "viewer")
    empty = (await browser.get("/?url=https://videos.example/2")).text
    saved = await vault.add_saved()
    await vault.add_failed(f"{POST}7")
    await vault.add(f"{POST}8")
    page, library = [(await browser.get(path)).text for path in ("/", "/library")]

    assert "Nothing saved yet" in empty
    assert re.search(r'<nav class="chips" id="states"[^>]* hidden>', library)
    assert f'href="/jobs/{saved.id}"' in page
    for only_of_members in ('id="paste"', 'id="left"', 'class="banner"', 'class="notices"'):
        assert only_of_members not in page


async def test_a_viewer_sees_the_inbox_marks_it_as_seen_and_is_offered_no_more(
    vault: ApiVault,
) -> None:
    saved, failed = await vault.add_saved(), await vault.add_failed(f"{POST}7")
    await follow(vault.store.tables, Source("s-1", POST, "generic", vault.clock.now()))
    await mark_posts(vault.store, "s-1", [saved.id, failed.id])
    await note_arrivals(vault.store, [saved.id, failed.id], are_news=True)
    vault.clock.advance(timedelta(minutes=1))
    viewer = await browser_of(vault, "viewer")
    page = (await viewer.get("/sources/inbox")).text

    assert 'href="/sources/inbox" aria-current="page"' in page
    assert ("/remove" in page, "/retry" in page, 'href="/sources/s-1"' in page) == (
        False,
        False,
        False,
    )
    assert (
        await viewer.submit("/sources/inbox/seen", until=vault.clock.now().isoformat())
    ).status == 303
    assert (await count_news(vault.store, "viewer"), await count_news(vault.store, "member")) == (
        0,
        2,
    )


# --- what is a user's own


async def test_each_user_has_favourites_and_positions_of_their_own(vault: ApiVault) -> None:
    job = await vault.add_saved()
    viewer, member = await browser_of(vault, "viewer"), await browser_of(vault, "member")
    await viewer.send("PATCH", f"/api/jobs/{job.id}/marks", {"favourite": True})
    await viewer.send("PUT", f"/api/jobs/{job.id}/position", {"at": 30.0, "of": 60.0})
    post_marks = [
        (await browser.send("PATCH", f"/api/jobs/{job.id}/marks")).json()
        for browser in (viewer, member)
    ]

    assert [each["favourite"] for each in post_marks] == [True, False]
    assert [each["position"] and each["position"]["at"] for each in post_marks] == [30.0, None]


@pytest.mark.parametrize(
    "change",
    [
        {"add_tags": ["x"]},
        {"remove_tags": ["x"]},
        {"add_to": ["x"]},
        {"remove_from": ["x"]},
        {"note": ""},
    ],
)
async def test_viewers_change_nothing_that_all_see(
    vault: ApiVault, change: dict[str, object]
) -> None:
    job = await vault.add_saved()
    viewer = await browser_of(vault, "viewer")
    both = {"favourite": True, **change}
    answers = [
        await viewer.send("PATCH", f"/api/jobs/{job.id}/marks", both),
        await viewer.send("POST", "/api/marks", {"ids": [job.id], **both}),
        await viewer.submit(f"/jobs/{job.id}/mark", favourite="on", **dict.fromkeys(change, "x")),
        await viewer.submit("/library/mark", id=job.id, mark="tag", tags="x"),
    ]

    assert all(map(was_refused, answers))
    assert await vault.store.marks.of_jobs([job.id]) == {}


async def test_saved_searches_are_each_users_own(vault: ApiVault) -> None:
    viewer, member = await browser_of(vault, "viewer"), await browser_of(vault, "member")
    await viewer.send("PUT", "/api/searches/Cats", {"filter": "q=cats"})

    assert [
        search["name"] for search in (await viewer.get("/api/searches")).json()["searches"]
    ] == ["Cats"]
    assert (await member.get("/api/searches")).json()["searches"] == []


async def test_users_see_and_end_only_their_own_sessions_tokens_and_links(vault: ApiVault) -> None:
    job = await vault.add_saved()
    member, other = await browser_of(vault, "member"), await browser_of(vault, "viewer")
    await member.submit("/access/tokens", name="my phone", scope="submit", days="")
    await member.submit(f"/jobs/{job.id}/share", item="0", days="7")
    [token], [link] = (
        await authenticator_of(vault).tokens.all("member"),
        await vault.shared_links.all("member"),
    )
    [session] = await authenticator_of(vault).sessions.all("member")
    page = (await other.get("/access")).text
    assert "my phone" not in page
    assert session.id not in page

    assert (await other.submit(f"/access/tokens/{token.id}/revoke")).status == 404
    await other.submit(f"/access/sessions/{session.id}/end")
    await authenticator_of(vault).users.change_role("viewer", Role.MEMBER)
    other = await browser_of(vault, "viewer")
    assert (await other.submit(f"/access/links/{link.id}/revoke")).status == 404
    await other.submit("/access/sign-out-everywhere")
    assert (await member.get("/access")).status == 200
    assert "my phone" in (await member.get("/access")).text

    admin = await browser_of(vault, "admin")
    assert (await admin.submit(f"/access/links/{link.id}/revoke")).status == 303


async def test_a_token_may_do_no_more_than_its_user(vault: ApiVault) -> None:
    token, _ = await authenticator_of(vault).tokens.add("all", Scope.ADMIN, user="viewer")
    bearer = f"Bearer {token}"

    assert (await vault.client.get("/api/jobs", authorization=bearer)).status == 200
    assert (
        await vault.client.post("/api/jobs", {"post_url": POST}, authorization=bearer)
    ).status == 403
    await mark_seen(vault.store, "viewer", vault.clock.now())
    await authenticator_of(vault).remove_user("viewer", vault.services.store)
    assert await vault.store.records.get(RecordKind.INBOX_SEEN, "viewer") is None
    assert (await vault.client.get("/api/jobs", authorization=bearer)).status == 401


async def test_the_post_says_who_added_it(vault: ApiVault) -> None:
    member, owner = await browser_of(vault, "member"), await browser_of(vault, OWNER)
    theirs = (await member.send("POST", "/api/jobs", {"post_url": f"{POST}5"})).json()["id"]
    ours = (await owner.send("POST", "/api/jobs", {"post_url": f"{POST}6"})).json()["id"]
    await owner.send("POST", "/api/jobs", {"post_url": f"{POST}5"})  # it is there already

    assert "added by member" in (await owner.get(f"/jobs/{theirs}")).text
    assert "added by the owner" in (await member.get(f"/jobs/{ours}")).text
    assert (await owner.send("PATCH", f"/api/jobs/{theirs}/marks")).json()["added_by"] == "member"


# --- signing in, and what ends it


async def test_users_sign_in_with_their_name_and_password(vault: ApiVault) -> None:
    assert 'name="name"' in (await vault.client.get("/login")).text
    for name, password, status in (
        ("Member ", OTHERS, 303),
        ("", OWNERS, 303),
        ("owner", OWNERS, 303),
        ("member", OWNERS, 401),
        ("", OTHERS, 401),
        ("nobody", OTHERS, 401),
    ):
        answer = await vault.client.submit(
            "/login", {"name": name, "password": password}, accept=HTML
        )
        assert answer.status == status, (name, password)


async def test_the_owners_name_is_shown_and_is_the_owners_to_choose(vault: ApiVault) -> None:
    owner = await browser_of(vault, OWNER)
    await authenticator_of(vault).add_user("chief", Role.ADMIN, OTHERS)
    assert "The owner leaves it empty." in (await vault.client.get("/login")).text
    assert (await owner.submit("/access/name", name="Grandma 7")).status == 422
    assert (await owner.submit("/access/name", name="grandma")).status == 303

    assert "The owner leaves it empty." not in (await vault.client.get("/login")).text
    page = (await owner.get("/you")).text
    assert "grandma" in page
    chief = await browser_of(vault, "chief")
    assert "grandma" in (await chief.get("/access")).text
    assert (await chief.submit("/access/name", name="boss")).status == 422
    answer = await vault.client.submit(
        "/login", {"name": "Grandma", "password": OWNERS}, accept=HTML
    )
    assert answer.status == 303


async def test_a_vault_with_one_user_asks_for_no_name(make_vault: MakeVault) -> None:
    vault = make_vault()
    await authenticator_of(vault).users.take(OWNERS)

    assert 'name="name"' not in (await vault.client.get("/login")).text


async def test_the_vaults_token_signs_only_the_owner_in(make_vault: MakeVault) -> None:
    vault = make_vault(token=TOKEN)
    await authenticator_of(vault).add_user("jane", Role.VIEWER, OTHERS)

    assert (await vault.client.submit("/login", {"name": "jane", "password": TOKEN})).status == 401
    assert (await vault.client.submit("/login", {"name": "", "password": TOKEN})).status == 303


async def test_a_changed_password_ends_only_the_users_own_sessions(vault: ApiVault) -> None:
    member, owner = await browser_of(vault, "member"), await browser_of(vault, OWNER)
    fields = {"current": OTHERS, "password": "five red foxes!", "again": "five red foxes!"}
    assert (await member.submit("/access/password", **fields)).status == 303

    assert (await member.get("/library")).status == 303
    assert (await owner.get("/library")).status == 200
    assert await authenticator_of(vault).users.holds("five red foxes!", "member")


async def test_an_admin_adds_changes_and_removes_users(vault: ApiVault) -> None:
    admin = await browser_of(vault, "admin")
    assert (
        await admin.submit("/access/users", user="Jo", role="member", password=OTHERS)
    ).status == 303
    jo = await browser_of(vault, "jo")
    job = await vault.add_saved()
    await jo.send("PATCH", f"/api/jobs/{job.id}/marks", {"favourite": True, "add_tags": ["x"]})
    await jo.send("PUT", "/api/searches/Cats", {"filter": "q=cats"})

    await admin.submit("/access/users/jo/role", role="viewer")
    assert was_refused(await jo.submit("/submit", post_urls=POST))
    await admin.submit("/access/users/jo/password", password=OWNERS)
    assert (await jo.get("/library")).status == 303
    assert await authenticator_of(vault).users.holds(OWNERS, "jo")

    assert (await admin.submit("/access/users/jo/remove")).status == 303
    assert [mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]] == [
        "outdated",
        "tag/x",
    ]
    assert await vault.store.records.all(RecordKind.SAVED_SEARCH) == []
    assert (await vault.client.submit("/login", {"name": "jo", "password": OWNERS})).status == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"user": ""}, {"user": "owner"}, {"user": "member"}, {"user": "jo/../x"},
        {"user": "x" * 65}, {"role": "king"},
        {"password": "short"}, {"password": ""},
    ],
)  # fmt: skip
async def test_a_user_that_makes_no_sense_is_not_added(
    vault: ApiVault, fields: dict[str, str]
) -> None:
    admin = await browser_of(vault, "admin")
    answer = await admin.submit(
        "/access/users", **({"user": "jo", "role": "viewer", "password": OTHERS} | fields)
    )

    assert answer.status == 422
    assert len(await authenticator_of(vault).users.all()) == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/access/users/nobody/role", 404),
        ("/access/users/nobody/password", 404),
        ("/access/users/nobody/remove", 404),
        ("/access/users/owner/role", 422),
        ("/access/users/owner/password", 422),
        ("/access/users/owner/remove", 422),
    ],
)
async def test_nobody_changes_the_owner_or_a_user_who_is_gone(
    vault: ApiVault, path: str, status: int
) -> None:
    admin = await browser_of(vault, "admin")

    assert (await admin.submit(path, role="viewer", password=OTHERS)).status == status
    assert await authenticator_of(vault).users.holds(OWNERS)


async def test_users_cannot_be_added_to_a_vault_without_a_password(make_vault: MakeVault) -> None:
    vault = make_vault()
    answer = await vault.client.submit(
        "/access/users", {"user": "jo", "role": "viewer", "password": OTHERS}
    )

    assert answer.status == 422
    assert await authenticator_of(vault).users.all() == []


async def test_a_proxys_user_has_the_role_of_the_user_of_that_name(make_vault: MakeVault) -> None:
    secret = "a secret between the two of us"
    vault = make_vault(
        trusted_proxies=("127.0.0.1",),
        proxy_header="Remote-User",
        proxy_user="jane",
        proxy_secret=secret,
    )
    await authenticator_of(vault).add_user("eve", Role.VIEWER, OTHERS)

    async def status_of(method: str, path: str, user: str) -> int:
        headers = {
            "remote-user": user,
            "x-mediavault-proxy-secret": secret,
            "sec-fetch-site": "same-origin",
        }
        return (await vault.client.request(method, path, headers=headers)).status

    assert await status_of("GET", "/library", "eve") == 200
    assert await status_of("POST", "/trash/empty", "eve") == 403
    assert await status_of("POST", "/trash/empty", "jane") != 403
    assert await status_of("GET", "/library", "mallory") == 401


async def test_a_changed_setting_names_the_admin_who_changed_it(vault: ApiVault) -> None:
    admin = await browser_of(vault, "admin")
    await admin.submit("/settings", concurrency="4")

    assert "admin, 127.0.0.1" in (await admin.get("/settings/downloads")).text
