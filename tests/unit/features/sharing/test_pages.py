"""Links that show one video: what they reach, and what ends them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.login_throttle import TRIES_OF_AN_ADDRESS
from mediavault.core.failures import NotFound
from mediavault.core.job import Job
from tests.asgi_client import Answer
from tests.http_vault import TOKEN, VIDEO, ApiVault, MakeVault

HTML = "text/html"
BEARER = f"Bearer {TOKEN}"
DAY_S = 24 * 3600
# Every route that a stranger may request, with or without a link, and why. All others must refuse
# them.
OPEN_TO_STRANGERS = {
    "/healthz": "says only that the process runs",
    "/static/{name:path}": "scripts and styles, the same in every vault",
    "/login": "checks the password",
    "/login/oidc": "leads to the provider",
    "/login/oidc/callback": "checks what the provider says",
    "/setup": "leads to the sign-in once the vault has an owner",
    "/appearance": "sets a cookie of the browser's own",
    "/manifest.webmanifest": "names the app; the address for shares is for those who are signed in",
    "/share": "leads to the sign-in, or refuses",
    "/away": "says that the vault cannot be reached",
    "/service-worker.js": "a script, the same in every vault",
    "/s/{key}": "checks the link",
    "/s/{key}/video": "checks the link",
    "/s/{key}/picture": "checks the link",
    "/feeds/{key}/rss.xml": "checks the feed's secret",
    "/feeds/{key}/atom.xml": "checks the feed's secret",
    "/feeds/{key}/cover.png": "checks the feed's secret",
    "/feeds/{key}/{name}": "checks the feed's secret, and that the feed holds the file",
}


@pytest.fixture
def vault(make_vault: MakeVault) -> ApiVault:
    return make_vault(token=TOKEN)


async def share(vault: ApiVault, job: Job, **fields: str) -> str:
    """Open *Share* as the owner does, and return its path."""
    answer = await vault.client.submit(
        f"/jobs/{job.id}/share",
        {"item": "0", "days": "7"} | fields,
        accept=HTML,
        authorization=BEARER,
    )
    assert answer.status == 200
    [path] = re.findall(r'id="shared-address" value="http://[^/]+(/s/[\w-]{43})"', answer.text)
    return str(path)


async def look(vault: ApiVault, path: str, **headers: str) -> Answer:
    """Request a path as a stranger."""
    return await vault.client.get(path, accept=HTML, **headers)


async def test_a_link_shows_its_video_to_a_stranger(vault: ApiVault) -> None:
    link = await share(vault, await vault.add_saved())
    page = await look(vault, link)
    video = await look(vault, f"{link}/video", range="bytes=5-9")

    assert page.status == 200
    assert f'src="{link}/video"' in page.text
    assert re.search(
        rf'<meta property="og:image" content="http://[^"/]+{link}/picture">', page.text
    )
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert re.findall(r'<a [^>]*href="([^"]*)"', page.text) == ["https://videos.example/watch/1"]
    assert "Available until" in page.text
    assert (video.status, video.body) == (206, VIDEO[5:10])
    assert (await look(vault, f"{link}/picture")).body.startswith(b"\xff\xd8")


async def test_a_link_reaches_no_other_route(vault: ApiVault) -> None:
    """A new route is refused to strangers, or gets a line in OPEN_TO_STRANGERS that says why it is
    not.
    """
    job = await vault.add_saved()
    link = await share(vault, job)
    cookie = f"mediavault_shared={link.removeprefix('/s/')}"
    values = {
        "job_id": job.id,
        "key": link.removeprefix("/s/"),
        "place": "0",
        "platform": "x",
        "slug": "jane",
    }
    open_routes = set()
    routes = [route for route in vault.client.app.routes if isinstance(route, APIRoute)]  # type: ignore[attr-defined]
    for route in routes:
        path = re.sub(
            r"\{(\w+)(?::\w+)?\}", lambda name: values.get(name[1], "nothing"), route.path
        )
        for method in sorted(route.methods or ()):
            kind = (
                "application/json"
                if path.startswith("/api")
                else "application/x-www-form-urlencoded"
            )
            headers = {"accept": HTML, "cookie": cookie, "content-type": kind}
            body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
            answer = await vault.client.request(method, path, headers=headers, body=body)
            to_sign_in = answer.status == 303 and answer.headers["location"].startswith("/login")
            if answer.status not in (401, 403) and not to_sign_in:
                open_routes.add(route.path)

    assert len(routes) > 100
    assert open_routes - OPEN_TO_STRANGERS.keys() == set()


async def test_a_password_is_asked_for_and_remembered_for_this_link_only(vault: ApiVault) -> None:
    job = await vault.add_saved()
    link = await share(vault, job, password="grey herons")
    other = f"/s/{(await vault.shared_links.add(job, 0, password='grey herons'))[0]}"
    locked = await look(vault, link)
    assert "Password of this link" in locked.text
    assert "videos.example" not in locked.text
    assert (await look(vault, f"{link}/video")).status == 404

    wrong = await vault.client.submit(link, {"password": "Grey herons"}, accept=HTML)
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    opened = await vault.client.submit(link, {"password": "grey herons"}, accept=HTML)
    cookie, _, attributes = opened.headers["set-cookie"].partition(";")
    assert f"Path={link}" in attributes
    assert "HttpOnly" in attributes
    assert (await look(vault, f"{link}/video", cookie=cookie)).body == VIDEO
    assert (await look(vault, f"{other}/video", cookie=cookie)).status == 404


async def test_passwords_cannot_be_guessed_quickly(vault: ApiVault) -> None:
    link = await share(vault, await vault.add_saved(), password="grey herons")
    answers = [
        await vault.client.submit(link, {"password": str(n)}, accept=HTML) for n in range(11)
    ]

    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert (await vault.client.submit(link, {"password": "grey herons"}, accept=HTML)).status == 429


@pytest.mark.parametrize("days", ["1", "7", "30"])
async def test_a_link_ends_after_its_days(vault: ApiVault, days: str) -> None:
    link = await share(vault, await vault.add_saved(), days=days)
    vault.clock.advance(int(days) * DAY_S - 1)
    assert (await look(vault, link)).status == 200
    vault.clock.advance(1)

    ended = await look(vault, link)
    assert ended.status == 404
    assert "This link has expired." in ended.text
    assert "<a " not in ended.text
    assert (await look(vault, f"{link}/video")).status == 404


async def test_a_link_without_an_end_is_listed_and_revoked_at_once(vault: ApiVault) -> None:
    link = await share(vault, await vault.add_saved(), days="", password="x")
    vault.clock.advance(1000 * DAY_S)
    page = (await vault.client.get("/access/links", accept=HTML, authorization=BEARER)).text
    [revoke] = re.findall(r'action="(/access/links/[0-9a-f]+/revoke)"', page)
    assert "with a password" in page
    assert (await look(vault, link)).status == 200

    await vault.client.submit(revoke, accept=HTML, authorization=BEARER)
    assert (await look(vault, link)).status == 404
    assert (await vault.client.submit(revoke, accept=HTML, authorization=BEARER)).status == 404


async def test_a_deleted_post_ends_its_links_until_it_is_restored(vault: ApiVault) -> None:
    job = await vault.add_saved()
    link = await share(vault, job)
    await vault.client.delete(f"/api/jobs/{job.id}?files=true", authorization=BEARER)
    assert (await look(vault, link)).status == 404

    await vault.client.post(f"/api/trash/{job.id}/restore", {}, authorization=BEARER)
    assert (await look(vault, link)).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"item": "1"},
        {"item": "-1"},
        {"item": "x"},
        {"item": ""},
        {"days": "2"},
        {"password": "x" * 201},
    ],
)
async def test_a_link_that_makes_no_sense_is_not_made(
    vault: ApiVault, fields: dict[str, Any]
) -> None:
    job = await vault.add_saved()
    answer = await vault.client.submit(
        f"/jobs/{job.id}/share",
        {"item": "0", "days": "7"} | fields,
        accept=HTML,
        authorization=BEARER,
    )

    assert answer.status == 422
    assert (
        "No shared links"
        in (await vault.client.get("/access/links", accept=HTML, authorization=BEARER)).text
    )


async def test_its_maker_sees_the_same_link_until_it_ends(vault: ApiVault) -> None:
    job = await vault.add_saved()
    link = await share(vault, job, password="grey herons")
    vault.clock.advance(7 * DAY_S - 1)
    assert await share(vault, job, days="30", password="") == link
    vault.clock.advance(30 * DAY_S - 1)
    assert (await look(vault, f"{link}/video")).body == VIDEO  # longer, and without a password
    vault.clock.advance(1)

    assert await share(vault, job) != link


async def test_a_link_of_another_user_or_of_a_lost_key_is_not_shown_again(vault: ApiVault) -> None:
    job, links = await vault.add_saved(), vault.shared_links
    link = await share(vault, job)
    key, _ = await links.own(job, 0, "jane")
    assert link != f"/s/{key}"
    (vault.services.settings.state_dir / "links.key").unlink()

    assert await share(vault, job) != link
    assert (await look(vault, link)).status == 200


async def test_a_change_of_a_link_that_ended_meanwhile_does_not_bring_it_back(
    vault: ApiVault,
) -> None:
    links = vault.shared_links
    key, link = await links.own(await vault.add_saved(), 0, "owner")
    await links.revoke(link.id)
    with pytest.raises(NotFound):
        await links.last(link, None)

    assert (await look(vault, f"/s/{key}")).status == 404


async def test_the_database_has_no_key_that_opens_a_link(vault: ApiVault) -> None:
    link = await share(vault, await vault.add_saved(), password="grey herons")
    stored = repr(await vault.services.store.records.all("shared_link"))  # type: ignore[arg-type]

    assert link.removeprefix("/s/") not in stored
    assert "grey herons" not in stored


@pytest.mark.usefixtures("cheap_hashing")
async def test_a_link_of_ones_own_gives_no_more_guesses_at_the_password_of_another(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    links, job = vault.shared_links, await vault.add_saved()
    own_key, own = await links.add(job, 0, password="the viewer's long password", user="viewer")
    key, link = await links.add(job, 0, password="the owner's long password")
    guesses = 0
    for _ in range(6):
        for _ in range(9):
            try:
                await links.unlock(link, key, "wrong", "192.0.2.1")
            except WrongSecret:
                guesses += 1
            except TooManyTries:
                continue
        await links.unlock(own, own_key, "the viewer's long password", "192.0.2.1")

    assert guesses == TRIES_OF_AN_ADDRESS
    with pytest.raises(TooManyTries):
        await links.unlock(link, key, "the owner's long password", "192.0.2.1")
