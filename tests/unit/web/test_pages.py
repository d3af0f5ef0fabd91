"""The pages."""

from __future__ import annotations

import gzip
import re
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from mediavault.core.failures import ErrorCode, StorageFailure
from mediavault.core.media import Account, SourceType
from mediavault.presentation.preferences import LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE
from mediavault.store.port import Checkpoint
from mediavault.web.render import coded
from tests.http_vault import POST, ApiVault, MakeVault
from tests.session_stubs import StubSessions

HTML = "text/html"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202etxt.exe"


async def test_too_many_fields_are_refused(vault: ApiVault) -> None:
    page = await vault.client.submit("/submit", {f"f{n}": "x" for n in range(30)})

    assert page.status == 422


@pytest.mark.parametrize(("known", "has_link"), [(("x",), False), (("x", "generic"), True)])
async def test_a_job_links_to_the_sessions_only_where_its_site_has_a_sign_in(
    vault: ApiVault, known: tuple[str, ...], has_link: bool
) -> None:
    """On a page of an unknown site, the user signs in through a window on the post itself."""
    for name in known:
        cast("StubSessions", vault.services.sessions).add(name)
    await vault.add()
    claim = await vault.claim()
    job = await vault.store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="A wall.", retry_in=None
    )
    page = (await vault.client.get(f"/jobs/{job.id}")).text

    assert "Sign in to " in page
    assert ('href="/sessions#generic"' in page) is has_link


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sheet", ["app.css", "dark.css"])
async def test_all_text_has_enough_contrast_in_light_and_dark(vault: ApiVault, sheet: str) -> None:
    """4.5 to 1 (WCAG 2.2, 1.4.3), placeholders included:
    a browser's own grey is too dark in the dark theme.
    """
    css = (await vault.client.get("/static/app.css")).text
    palette = (await vault.client.get(f"/static/{sheet}")).text
    colours = dict(re.findall(r"^  --([\w-]+): (#\w{6});", palette, re.MULTILINE))
    inks = ("ink", "soft", "accent", "accent-strong", "good", "bad", "busy")
    pairs = [(ink, paper) for ink in inks for paper in ("paper", "card")]
    washes = [(tone, f"{tone}-wash") for tone in ("good", "bad", "busy")]

    for ink, paper in [
        *pairs,
        *washes,
        ("accent-strong", "accent-wash"),
        ("on-accent", "accent"),
        ("soft", "sunk"),
    ]:
        assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert "::placeholder { color: var(--soft); opacity: 1; }" in css


async def test_a_jobs_page_has_the_player_the_facts_and_the_history(vault: ApiVault) -> None:
    job = await vault.add_saved()
    page = (await vault.client.get(f"/jobs/{job.id}")).text

    assert f'src="/files/{job.id}/items/0/video"' in page
    assert f'poster="/files/{job.id}/items/0/thumbnail"' in page
    assert str(job.sha256) in page
    assert "History" in page


@pytest.mark.parametrize("move", ["retry", "cancel"])
async def test_buttons_work_without_javascript(vault: ApiVault, move: str) -> None:
    job = await (vault.add_failed() if move == "retry" else vault.add())
    answer = await vault.client.submit(f"/jobs/{job.id}/{move}")

    assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job.id}")
    assert (await vault.store.catalogue.get(job.id)).status.value == {
        "retry": "queued",
        "cancel": "cancelled",
    }[move]


async def test_an_unknown_job_gets_an_error_page(vault: ApiVault) -> None:
    page = await vault.client.get("/jobs/nothing", accept=HTML)

    assert page.status == 404
    assert "No job has this id." in page.text


async def test_untrusted_text_is_only_ever_text(vault: ApiVault) -> None:
    """Title, account, error, detail and address, in the list and on the post's page."""
    await vault.add()
    claim = await vault.claim()
    account = Account("generic", HOSTILE, HOSTILE, "x")
    checkpoint = Checkpoint(
        None, None, SourceType.DIRECT, (), (), account, None, {"title": HOSTILE}
    )
    await vault.store.queue.checkpoint(claim, checkpoint)
    await vault.store.queue.fail(claim, error_code=ErrorCode.DELETED, error=HOSTILE, retry_in=None)
    pages = [
        (await vault.client.get(path)).text
        for path in ("/library?state=failed", f"/jobs/{claim.id}")
    ]

    for page in pages:
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert not re.search(r"<img[^>]+onerror", page)
        assert "<bdi" in page


async def test_only_web_addresses_become_links(vault: ApiVault) -> None:
    from mediavault.web.render import safe_link

    assert safe_link("https://a.example/") == "https://a.example/"
    assert safe_link("javascript:alert(1)") is None


async def test_pages_load_nothing_from_third_parties_and_run_no_inline_script(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    for path in ("/", f"/jobs/{job.id}"):
        page = (await vault.client.get(path)).text
        assert not re.search(
            r"<script(?! type=\"module\" src=\"/static/)|<style|\sstyle=|\son\w+=", page
        )
        assert set(re.findall(r'(?:src|href)="(https?://[^"]+)"', page)) <= {POST}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.css", "text/css"),
        ("core.js", "text/javascript"),
        ("vendor/htmx.min.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_static_files_have_their_type_and_are_not_sent_twice(
    vault: ApiVault, name: str, kind: str
) -> None:
    first = await vault.client.get(f"/static/{name}")
    again = await vault.client.get(f"/static/{name}", if_none_match=first.headers["etag"])

    assert first.headers["content-type"].startswith(kind)
    assert (again.status, again.body) == (304, b"")


async def test_a_static_file_with_its_version_in_the_url_is_cached_forever(vault: ApiVault) -> None:
    page = (await vault.client.get("/")).text
    address = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]+)"', page)[0]

    assert "immutable" in (await vault.client.get(address)).headers["cache-control"]
    assert (await vault.client.get("/static/app.css?v=other")).headers[
        "cache-control"
    ] == "no-cache"


async def test_static_text_is_compressed_for_clients_that_accept_it(vault: ApiVault) -> None:
    packed = await vault.client.get("/static/app.css", accept_encoding="br, gzip")

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == (await vault.client.get("/static/app.css")).body


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr-CA, en;q=0.2", "fr"),
        ("pt, en;q=0.2", "en"),
        ("en;q=0.1, de;q=0.2", "de"),
        ("de;q=0", "en"),
        ("", "en"),
    ],
)
async def test_a_page_is_in_the_language_that_the_browser_requests(
    vault: ApiVault, wish: str, language: str
) -> None:
    page = await vault.client.get("/", accept_language=wish)

    assert page.headers["content-language"] == language
    assert f'<html lang="{language}"' in page.text


async def test_language_and_theme_are_chosen_without_javascript_and_remembered(
    vault: ApiVault,
) -> None:
    answer = await vault.client.submit(
        "/appearance", {"language": "de", "theme": "dark", "back": "/?status=failed"}
    )
    cookies = "; ".join(
        f"{name}={value}" for name, value in ((LANGUAGE_COOKIE, "de"), (THEME_COOKIE, "dark"))
    )
    page = (await vault.client.get("/", cookie=cookies)).text

    assert (answer.status, answer.headers["location"]) == (303, "/?status=failed")
    assert '<html lang="de" dir="ltr">' in page
    assert re.search(r'href="/static/dark\.css[^"]*">', page)


@pytest.mark.parametrize(
    ("theme", "media"),
    [("auto", ' media="(prefers-color-scheme: dark)"'), ("dark", ""), ("light", None)],
)
async def test_the_dark_palette_is_for_those_who_chose_it_or_whose_device_is_dark(
    vault: ApiVault, theme: str, media: str | None
) -> None:
    page = (await vault.client.get("/", cookie=f"{THEME_COOKIE}={theme}")).text
    found = re.search(r'href="/static/dark\.css[^"]*"([^>]*)>', page)

    assert (found[1] if found else None) == media


@pytest.mark.parametrize(
    "back", ["//evil.test/", "https://evil.test/", "/\\evil.test", "\r\nx", "/\r\nX: y", "", "/ü"]
)
async def test_choosing_a_language_redirects_to_no_other_site(vault: ApiVault, back: str) -> None:
    answer = await vault.client.submit(
        "/appearance", {"language": "de", "theme": "auto", "back": back}
    )

    assert answer.headers["location"] == "/"


async def test_times_are_shown_in_the_readers_zone(vault: ApiVault) -> None:
    job = await vault.add()
    shown = job.created_at.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M")

    assert f">{shown}<" in (await vault.client.get("/", cookie=f"{ZONE_COOKIE}=Asia%2FTokyo")).text


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/passwd", "Nowhere/Land", "x" * 100, "%00"]
)
async def test_an_unknown_time_zone_is_ignored(vault: ApiVault, zone: str) -> None:
    await vault.add()

    assert " UTC<" in (await vault.client.get("/", cookie=f"{ZONE_COOKIE}={zone}")).text


async def test_a_module_is_imported_by_the_url_that_the_page_loads_it_from(vault: ApiVault) -> None:
    """Otherwise the browser would run it twice."""
    page = (await vault.client.get("/")).text
    core = re.findall(r'src="(/static/core\.js\?v=[0-9a-f]+)"', page)[0]

    relative = core.replace("/static/", "./")
    assert f'from "{relative}"' in (await vault.client.get("/static/home.js")).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run `mediavault doctor` once.", "Run <code>mediavault doctor</code> once."),
        ("`<b>` & co", "<code>&lt;b&gt;</code> &amp; co"),
        ("a lone ` <i>", "a lone ` &lt;i&gt;"),
        ("", ""),
    ],
)
def test_commands_in_a_sentence_are_set_as_code_and_the_rest_is_escaped(
    text: str, shown: str
) -> None:
    assert str(coded(text)) == shown


async def test_every_page_says_that_the_library_is_not_there_and_what_helps(
    make_vault: MakeVault,
) -> None:
    gone = StorageFailure(
        "The library is not there: /library has no library marker.", help="Mount its disk."
    )
    vault = make_vault(library_problem=gone)
    job = await vault.add()
    for address in (
        "/",
        "/library",
        "/sources",
        "/settings",
        "/trash",
        "/sites",
        "/doctor",
        f"/jobs/{job.id}",
    ):
        page = (await vault.client.get(address, accept="text/html")).text

        assert "The library is not there: /library has no library marker." in page, address
        assert "Mount its disk." in page, address


async def test_health_says_that_the_library_is_not_there_while_links_are_accepted(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(
        library_problem=StorageFailure("The library is not there.", help="Mount its disk.")
    )
    await vault.beat()
    health = await vault.client.get("/api/worker/health")

    assert health.json()["concerns"] == [
        {"message": "The library is not there.", "help": "Mount its disk."}
    ]
    assert (await vault.client.get("/healthz")).status == 200
