"""The web manifest, the icons, and the address to which a phone shares links."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mediavault.core.job import JobStatus
from mediavault.web.assets import load
from mediavault.web.icon_pictures import CREAM, GREEN, PICTURES, draw
from mediavault.web.pages.home import JUST_NOW_COOKIE, MOST_JUST_NOW
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault
from tests.png import pixels

OTHER = "https://videos.example/watch/2"
BY_THE_SYSTEM = {"sec-fetch-site": "none", "origin": "null"}
SIGNED_IN = {"authorization": f"Bearer {TOKEN}"}


async def manifest(vault: ApiVault, **headers: str) -> dict[str, Any]:
    answer = await vault.client.get("/manifest.webmanifest", **headers)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/manifest+json")
    described: dict[str, Any] = answer.json()
    return described


async def waiting(vault: ApiVault) -> int:
    return (await vault.store.catalogue.report()).counts[JobStatus.QUEUED]


# --- the manifest


async def test_the_manifest_has_what_browsers_require_to_install_an_app(vault: ApiVault) -> None:
    described = await manifest(vault)

    assert described["name"] == described["short_name"] == "mediavault"
    assert (described["start_url"], described["scope"], described["display"]) == (
        "/",
        "/",
        "standalone",
    )
    assert [(icon["sizes"], icon["purpose"]) for icon in described["icons"]] == [
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
        ("180x180", "maskable"),
    ]
    for icon in described["icons"]:
        picture = await vault.client.get(icon["src"])
        assert (picture.status, picture.headers["content-type"]) == (200, "image/png")
        assert "immutable" in picture.headers["cache-control"]


async def test_every_address_of_the_manifest_is_below_the_path_of_the_vault(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(base_path="/media/vault")
    answer = await vault.client.get("/media/vault/manifest.webmanifest")
    described = answer.json()
    addresses = [
        *(described[name] for name in ("id", "start_url", "scope")),
        *(entry["src"] for entry in described["icons"]),
        *(entry["url"] for entry in described["shortcuts"]),
        described["share_target"]["action"],
    ]

    assert len(addresses) == 10
    assert [address for address in addresses if not address.startswith("/media/vault/")] == []
    page = (await vault.client.get("/media/vault/")).text
    assert (
        '<link rel="manifest" href="/media/vault/manifest.webmanifest"'
        ' crossorigin="use-credentials">'
    ) in page


async def test_the_manifest_is_in_the_readers_language(vault: ApiVault) -> None:
    german = await manifest(vault, cookie="mediavault_language=de")

    assert german["lang"] == "de"
    assert german["shortcuts"][0]["name"] == "Bibliothek"


@pytest.mark.parametrize("path", ["/", "/login", "/library", "/away", "/nonesuch"])
async def test_every_page_names_the_manifest_and_the_icon(make_vault: MakeVault, path: str) -> None:
    vault = make_vault(token=TOKEN)
    page = (await vault.client.get(path, accept="text/html", **SIGNED_IN)).text

    assert 'rel="manifest"' in page
    assert 'rel="apple-touch-icon"' in page


async def test_only_who_is_signed_in_is_told_the_key_of_the_address_for_shares(
    make_vault: MakeVault,
) -> None:
    """A page of another site would otherwise make a service worker keep its links."""
    vault = make_vault(token=TOKEN)
    inside, again = await manifest(vault, **SIGNED_IN), await manifest(vault, **SIGNED_IN)

    assert "share_target" not in await manifest(vault)
    assert "share_target" not in await manifest(vault, authorization="Bearer mv_wrong")
    assert re.fullmatch(r"/share\?key=[\w-]{22}", inside["share_target"]["action"])
    assert inside["share_target"] == again["share_target"]
    assert (inside["share_target"]["method"], inside["share_target"]["params"]["text"]) == (
        "POST",
        "text",
    )
    other = make_vault(token=TOKEN)
    assert (await manifest(other, **SIGNED_IN))["share_target"] != inside["share_target"]


async def test_the_service_worker_may_serve_the_whole_vault_and_nothing_above_it(
    make_vault: MakeVault,
) -> None:
    for base in ("", "/media/vault"):
        vault = make_vault(base_path=base)
        worker = await vault.client.get(f"{base}/static/service-worker.js?key=k&language=de")

        assert worker.headers["service-worker-allowed"] == f"{base}/"
        assert worker.headers["cache-control"] == "no-cache"
        assert (
            "service-worker-allowed"
            not in (await vault.client.get(f"{base}/static/core.js")).headers
        )


# --- shares


async def test_a_share_is_saved_at_once_and_the_home_page_says_so(vault: ApiVault) -> None:
    shared = {"title": "First frost", "text": f"Look at {POST}.", "url": ""}
    answer = await vault.client.submit("/share?key=k", shared, **BY_THE_SYSTEM)
    home = await vault.client.get(answer.headers["location"])
    [job] = (await vault.client.get("/api/jobs")).json()["jobs"]

    assert (answer.status, answer.headers["location"]) == (
        303,
        f"/?taken=1&known=0&post={job['id']}",
    )
    assert "Added 1 link." in home.text
    assert f'<a href="/jobs/{job["id"]}"><bdi>videos.example/watch/1</bdi></a>' in home.text
    assert f"{JUST_NOW_COOKIE}={job['id']}" in home.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"sec-fetch-site": "same-site", "origin": "null"},
        {"sec-fetch-site": None, "origin": "null"},
        {"sec-fetch-site": None, "origin": "https://evil.example"},
    ],
)
async def test_another_sites_page_cannot_share(
    vault: ApiVault, headers: dict[str, str | None]
) -> None:
    key = (await manifest(vault))["share_target"]["action"]
    answer = await vault.client.submit(key, {"url": POST}, **headers)

    assert answer.status == 403
    assert await waiting(vault) == 0


async def test_a_share_without_a_session_is_in_the_box_after_the_sign_in(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    answer = await vault.client.submit(
        "/share?key=k", {"text": f"{POST}\n{OTHER}"}, **BY_THE_SYSTEM
    )
    login = urlsplit(answer.headers["location"])
    [wanted] = parse_qs(login.query)["next"]
    entered = await vault.client.submit("/login", {"token": TOKEN, "next": wanted})

    assert (answer.status, login.path) == (303, "/login")
    assert entered.headers["location"] == wanted
    assert f"{POST}\n{OTHER}</textarea>" in (await vault.client.get(wanted, **SIGNED_IN)).text
    assert await waiting(vault) == 0


async def test_a_long_share_without_a_session_keeps_the_links_that_an_address_can_hold(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    links = [f"https://videos.example/watch/{number}?of={'é' * 40}" for number in range(60)]
    answer = await vault.client.submit("/share?key=k", {"text": "\n".join(links)}, **BY_THE_SYSTEM)
    [wanted] = parse_qs(urlsplit(answer.headers["location"]).query)["next"]

    assert wanted.count("videos.example") >= 4
    assert (await vault.client.submit("/login", {"token": TOKEN, "next": wanted})).headers[
        "location"
    ] == wanted


async def test_what_cannot_be_saved_of_a_share_is_in_the_box(vault: ApiVault) -> None:
    answer = await vault.client.submit(
        "/share", {"text": f"{POST}\nhttp://127.0.0.1/x"}, **BY_THE_SYSTEM
    )
    page = (await vault.client.get(answer.headers["location"])).text

    assert "Added 1 link." in page
    assert "http://127.0.0.1/x</textarea>" in page
    nothing = await vault.client.submit("/share", {"text": ""}, **BY_THE_SYSTEM)
    assert (nothing.status, await waiting(vault)) == (422, 1)


async def test_a_token_that_may_only_submit_cannot_use_the_pages_address(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    made = await vault.client.submit(
        "/access/tokens", {"name": "phone", "scope": "submit", "days": ""}, **SIGNED_IN
    )
    [token] = re.findall(r"mv_[\w-]{20,}", made.text)
    answer = await vault.client.submit("/share", {"url": POST}, authorization=f"Bearer {token}")

    assert (answer.status, await waiting(vault)) == (403, 0)


async def test_the_home_page_keeps_only_results_of_posts_that_exist(vault: ApiVault) -> None:
    job = await vault.add()
    gone = "00000000-0000-4000-8000-000000000000"
    page = await vault.client.get(f"/?taken=1&known=0&post={gone}&post={job.id}")

    assert f"{JUST_NOW_COOKIE}={job.id};" in page.headers["set-cookie"]
    assert (
        await vault.client.get("/?taken=1" + f"&post={job.id}" * (MOST_JUST_NOW + 1))
    ).status == 422
    assert "set-cookie" not in (await vault.client.get("/?taken=1&known=0")).headers


# --- the icons


@pytest.mark.parametrize("name", PICTURES)
def test_an_icon_is_the_vaults_at_its_size(name: str) -> None:
    picture = PICTURES[name]
    width, rows = pixels(draw(picture))

    def at(x: float, y: float) -> tuple[int, ...]:
        column = int(x * width / 32) * 4
        return tuple(rows[int(y * width / 32)][column : column + 4])

    assert width == len(rows) == picture.size
    assert at(16, 16) == at(16, 6.2) == at(26, 16) == at(6.2, 16) == (*CREAM, 255)
    assert at(16, 3) == at(12, 16) == at(2, 16) == (*GREEN, 255)
    assert at(0.1, 0.1)[3] == (255 if picture.is_full else 0)
    assert rows == rows[::-1]


def test_an_icon_for_any_shape_is_within_the_circle_that_systems_leave() -> None:
    width, rows = pixels(draw(PICTURES["icon-maskable-512.png"]))
    inked = [
        (x, y) for y, row in enumerate(rows) for x in range(width) if row[4 * x] > GREEN[0] + 20
    ]

    assert max(((x - 255.5) ** 2 + (y - 255.5) ** 2) ** 0.5 for x, y in inked) < 0.4 * width


def test_the_icons_shapes_are_those_of_the_vector_icon() -> None:
    drawn = load("icon.svg").body.decode()

    for part in (
        'rx="8" fill="#2f5d50"',
        'r="10"',
        'stroke="#f4efe4" stroke-width="2.5"',
        "M13.5 11.5v9l7-4.5z",
    ):
        assert part in drawn
