"""Every page for users, and the states it can be in: the cases of all tests that check every page.

``tests/unit/web/test_pages_are_looked_at.py`` checks that this list is complete, against the
application's routes.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from playwright.async_api import Page, Route

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.fingerprints import Likeness
from mediavault.core.job import JobId, JobStatus
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sharing.service import SharedLinks
from mediavault.store.duplicates import put_duplicates
from mediavault.store.port import JobQuery
from mediavault.web.places import SECTIONS
from tests.patience import patient
from tests.ui.followed import CHANNEL, preview_that_waits, preview_that_was_read
from tests.ui.odd import CHAPTERS, MISSING, PARTLY, UNPLAYABLE, WAITS
from tests.ui.odd import id_of as odd_id
from tests.ui.vault import PASSWORD, TOKEN, Vault

Whose = Literal["full", "empty", "guarded", "several", "new", "odd", "broken"]
Address = Callable[[Vault], Awaitable[str]]
State = Callable[[Page], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Case:
    """``route`` as the application declares it, "" if no route matches. ``whose``: the sample
    vault, one without posts or worker, one with a token, one with several users, one that is not
    set up yet, one with rare cases (``odd.py``), one whose database is broken.

    ``then`` brings the page into its state once it is open; ``allow`` are the errors that belong to
    it. ``is_rare``: the tests of all pages check it only in ``make ui``.
    """

    name: str
    route: str
    address: Address
    whose: Whose = "full"
    then: State | None = None
    allow: tuple[str, ...] = ()
    # of the page that axe looks at: what lies over the rest hides all of a link but a few pixels
    part: str = "html"
    is_rare: bool = False


async def preview_read(vault: Vault) -> str:
    return await preview_that_was_read(vault.store)


async def preview_waiting(vault: Vault) -> str:
    return await preview_that_waits(vault.store)


def at(address: str) -> Address:
    async def same(_: Vault) -> str:
        return address

    return same


def job_in(status: JobStatus, code: ErrorCode | None = None) -> Address:
    """Return the page of a sample post in this state."""

    async def find(vault: Vault) -> str:
        page = await vault.store.catalogue.jobs(JobQuery(statuses=(status,), limit=100))
        return f"/jobs/{next(job.id for job in page.jobs if code in (None, job.error_code))}"

    return find


async def with_duplicates(vault: Vault) -> str:
    """Return the page of a saved post whose video is in two others."""
    own, same, alike = vault.saved[-3:]
    await put_duplicates(
        vault.store, own.id, {same.id: Likeness(100, identical=True), alike.id: Likeness(93)}
    )
    return f"/jobs/{own.id}"


async def bad_link(page: Page) -> None:
    await page.locator("#post_urls").fill("file:///etc/passwd")
    await page.locator("#paste button:not([type=button])").click()
    await page.locator("#links h2").wait_for()


async def saved_offline(page: Page) -> None:
    await page.context.set_offline(True)
    await page.locator("#post_urls").fill("https://videos.example/watch/kept")
    await page.locator("#paste button:not([type=button])").click()
    await page.locator("#outbox li").wait_for()


async def bad_template(page: Page) -> None:
    await page.locator("#name_template").fill("{title}")
    await page.locator("#name_template").blur()
    await page.locator("#name_template[aria-invalid]").wait_for()


async def bad_profile(page: Page) -> None:
    await page.locator("#name").fill("best")
    await page.locator("#form button").click()
    await page.locator("#messages .complaint").wait_for()


async def source_refused(page: Page) -> None:
    await everything_open(page)
    await page.locator("#url").fill("https://www.youtube.com/watch?v=aaaaaaaaaaa")
    await page.locator("#form .actions button:not([formaction])").click()
    await page.locator("#messages .complaint").wait_for()


async def list_read(page: Page) -> None:
    lines = "https://www.youtube.com/@slow-trains\nhttps://www.youtube.com/@night-trains\nhttps://marsh.example/feed.xml\n"
    content = f"{lines}https://www.youtube.com/watch?v=aaaaaaaaaaa\n".encode()
    await page.locator("#file").set_input_files(
        {"name": "list.txt", "mimeType": "text/plain", "buffer": content}
    )
    await page.locator("#form .actions button").click()
    await page.locator("#refused-head").wait_for()
    await everything_open(page)


async def channel_offered(page: Page) -> None:
    await page.locator("#post_urls").fill("https://www.youtube.com/@jane")
    await page.locator("#paste button:not([type=button])").click()
    await page.locator("#links a").wait_for()


async def examined(page: Page) -> None:
    await page.locator("h1 + form button").click()
    await page.locator("#found").wait_for(timeout=patient(60_000))


async def marked_job(vault: Vault) -> str:
    """Return the page of the sample post with every mark."""
    page = await vault.store.catalogue.jobs(JobQuery(marks=("tag/night rides", "tag/trains")))
    return f"/jobs/{page.jobs[0].id}"


async def shared_link(vault: Vault) -> str:
    key, _ = await SharedLinks(vault.store, SystemClock(), vault.opened.settings.state_dir).add(
        vault.saved[0], 0
    )
    return f"/s/{key}"


async def locked_link(vault: Vault) -> str:
    key, _ = await SharedLinks(vault.store, SystemClock(), vault.opened.settings.state_dir).add(
        vault.saved[0], 0, password="grey herons"
    )
    return f"/s/{key}"


async def feeds_made(vault: Vault) -> str:
    """Return the page of a vault with two feeds: one that this machine can show,
    and one that another has made.
    """
    feeds = RssFeeds(vault.store, SystemClock(), vault.opened.settings.state_dir)
    if not await feeds.all():
        await feeds.add("Night rides", "tag=night+rides")
        with tempfile.TemporaryDirectory() as elsewhere:
            await RssFeeds(vault.store, SystemClock(), Path(elsewhere)).add(
                "From another machine", "q=train"
            )
    return "/access/feeds"


async def feed_without_a_name(page: Page) -> None:
    await page.locator("#feed-name").fill(" ")
    await page.locator("form[action='/access/feeds'] button").click()
    await page.locator(".complaint").wait_for()


async def link_made(page: Page) -> None:
    await page.locator("form[data-does=share] button").first.click()
    await page.locator("#shared-address").wait_for()


async def copy_sealed(page: Page) -> None:
    """Seal a copy of a sample post, whose site does not exist."""
    await page.locator(".remove summary").click()
    await page.locator("form[data-does='seal'] button").click()
    await page.locator("#sealed .not-captured summary").click(timeout=patient(60_000))


async def everything_open(page: Page) -> None:
    await page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    )


async def some_selected(page: Page) -> None:
    for index in (0, 2):
        await page.locator(".pick input").nth(index).press(" ")
    await page.locator("#selected.shown").wait_for()


async def marks_of_the_selection(page: Page) -> None:
    await page.locator(".pick input").first.press(" ")
    await page.locator(".mark-menu summary").click()
    await page.locator(".mark-menu .sheet").wait_for()


async def keys_shown(page: Page) -> None:
    await page.keyboard.press("?")
    await page.locator("#keys[open]").wait_for()


async def clip_shown(page: Page) -> None:
    await page.locator("[data-state]").first.wait_for()


async def palette_shown(page: Page) -> None:
    await page.locator("#palette-open").wait_for()
    await page.keyboard.press("Control+k")
    await page.locator("#palette[open]").wait_for()


async def account_looked_for(page: Page) -> None:
    await palette_shown(page)
    await page.keyboard.type("marsh")
    await page.locator("#palette-found-0").wait_for()


async def signed_in_to_access(page: Page) -> None:
    """Sign in, which leads to the first page, and go on from there as a user does."""
    await page.locator("#password").fill(TOKEN)
    await page.locator("form[action='/login'] button").click()
    await page.locator(".sections").wait_for()
    await page.goto(urljoin(page.url, "/access"))
    await page.locator("#tokens").wait_for()


async def with_a_new_token(page: Page) -> None:
    """Create another token, with its own name, at every visit."""
    await signed_in_to_access(page)
    await page.locator("#name").fill(f"Phone {secrets.token_hex(4)}")
    await page.locator("form[action='/access/tokens'] button").click()
    await page.locator("#fresh-token").wait_for()


def as_user(name: str, path: str) -> State:
    """Sign in as this user, and open the path."""

    async def then(page: Page) -> None:
        await page.locator("#name").fill(name)
        await page.locator("#password").fill(PASSWORD)
        await page.locator("form[action='/login'] button").click()
        await page.locator(".sections").wait_for()
        await page.goto(urljoin(page.url, path))
        await everything_open(page)

    return then


async def a_viewers_post(page: Page) -> None:
    await as_user("sam", "/library")(page)
    await page.locator("#tiles .name").first.click()
    await page.locator("#marks").wait_for()


async def wrong_password(page: Page) -> None:
    await page.locator("#password").fill("not the token")
    await page.locator("form[action='/login'] button").click()
    await page.locator(".complaint").wait_for()


async def too_easy(page: Page) -> None:
    for field in ("#password", "#again"):
        await page.locator(field).fill("password123")
    await page.locator("form[action='/setup'] button").click()
    await page.locator(".complaint").wait_for()


async def reached_by_another_name(page: Page) -> None:
    """Request a page as if by a name in foreign DNS that resolves to this host."""

    async def answer(route: Route) -> None:
        headers = {"host": "elsewhere.example", "accept": "text/html"}
        await route.fulfill(response=await route.fetch(headers=headers))

    await page.route("**/collections", answer)
    await page.locator(".sections a[href='/collections']").click()
    await page.locator("main .empty h1").wait_for()


async def sent_too_much(page: Page) -> None:
    await page.evaluate("""() => {
      const form = Object.assign(document.createElement("form"), {
        method: "post", action: "/submit" });
      form.append(Object.assign(document.createElement("textarea"), {
        name: "post_urls", value: "x".repeat(70_000) }));
      document.body.append(form);
      form.submit();
    }""")
    await page.locator("main .empty h1").wait_for()


async def told_the_format(page: Page) -> None:
    await page.locator(
        "#unplayable[data-state=format]:has([data-field=format]:not(:empty))"
    ).wait_for(timeout=patient(30_000))


async def player_used(page: Page) -> None:
    """Show the controls, with the menus that the video has."""
    await page.locator("#chapters:not([data-none])").wait_for(state="attached")
    await page.evaluate("document.getElementById('player').currentTime = 2.5")
    await page.locator("#controls").wait_for()
    await page.get_by_role("tab", name="Chapters").click()
    await page.locator("#more summary").click()


async def next_announced(page: Page) -> None:
    """Show what plays next, without the countdown, which would end in another page."""
    await page.evaluate("document.getElementById('player').currentTime = 2")
    await page.locator("#controls").wait_for()
    await page.evaluate("document.getElementById('next-video').hidden = false")


async def all_of_these(page: Page) -> None:
    await page.locator(".found summary").click()
    await page.locator(".found .sheet").wait_for()


async def more_for_the_selection(page: Page) -> None:
    await some_selected(page)
    await page.locator("#selected summary[aria-label]").click()
    await page.locator("#selected .menu[open] .sheet").wait_for()


async def no_cookies(page: Page) -> None:
    await page.locator("form.import").first.evaluate(
        "(form) => { form.closest('details').open = true; }"
    )
    await page.locator("form.import textarea").first.fill("no cookie")
    await page.locator("form.import button").first.click()
    await page.locator("#messages .complaint").wait_for()


async def wrong_invitation(page: Page) -> None:
    await page.locator("#invitation").fill("not the token")
    for field in ("#password", "#again"):
        await page.locator(field).fill("seven grey herons")
    await page.locator("form[action='/setup'] button").click()
    await page.locator(".complaint").wait_for()


async def webhook_added(page: Page) -> None:
    """Add a target in place of those that other visits have added."""
    for _ in range(await page.locator("[action$='/remove']").count()):
        await everything_open(page)
        await page.locator("[action$='/remove'] button").first.click()
        await page.wait_for_load_state()
    await page.locator("#url").fill("https://hooks.example/mediavault")
    await page.locator("form.new button").click()
    await page.locator("#fresh-token").wait_for()


async def webhook_refused(page: Page) -> None:
    await page.locator("#url").fill("http://192.168.1.20:8123/api/webhook/x")
    await page.locator("form.new button").click()
    await page.locator("#messages .complaint").wait_for()


NO_ID = JobId("00000000-0000-4000-8000-000000000000")
REFUSED = (r"console error: Failed to load resource: .* (4\d\d|50[03])",)

LOST = (r"ERR_INTERNET_DISCONNECTED",)
NO_PLAYER = (r"console error: Failed to load resource: .* 404",)

CASES: tuple[Case, ...] = (
    Case("home", "/", at("/"), then=everything_open),
    Case("home-done", "/", at("/?taken=2&known=1"), then=everything_open),
    Case("home-shared", "/", at("/?text=Look%20at%20https://videos.example/watch/shared")),
    Case("home-empty", "/", at("/"), "empty"),
    Case("home-bad-link", "/", at("/"), then=bad_link, allow=REFUSED),
    Case("home-outbox", "/", at("/"), "empty", then=saved_offline, allow=LOST),
    Case("away", "/away", at("/away")),
    Case("library", "/library", at("/library"), then=some_selected),
    Case(
        "library-open", "/library", at("/library?state=all&q=e&length=short"), then=everything_open
    ),
    Case("library-failed", "/library", at("/library?state=failed")),
    Case("library-keys", "/library", at("/library"), then=keys_shown),
    Case("library-deleted", "/library", at("/library?outcome=removed-2-0&batch=0123456789abcdef")),
    Case("feed", "/library/feed", at("/library/feed"), then=clip_shown),
    Case("feed-share", "/library/feed", at("/library/feed?order=oldest"), then=link_made),
    Case("feed-keys", "/library/feed", at("/library/feed"), then=keys_shown, is_rare=True),
    Case("feed-empty", "/library/feed", at("/library/feed"), "empty"),
    Case("retention", "/retention", at("/retention")),
    Case("retention-empty", "/retention", at("/retention"), "empty"),
    Case("retention-source", "/retention", at(f"/retention?source={CHANNEL}")),
    Case("trash", "/trash", at("/trash")),
    Case("trash-empty", "/trash", at("/trash"), "empty"),
    Case("palette", "/library", at("/library"), then=palette_shown),
    Case("palette-account", "/sites", at("/sites"), then=account_looked_for),
    Case("library-nothing", "/library", at("/library?q=nonesuch&platform=x")),
    Case("library-empty", "/library", at("/library"), "empty"),
    Case(
        "library-marks",
        "/library",
        at("/library?tag=night%20rides&mine=started"),
        then=marks_of_the_selection,
    ),
    Case("collections", "/collections", at("/collections"), then=everything_open),
    Case("collections-empty", "/collections", at("/collections"), "empty"),
    Case("collection", "/collections/{title:path}", at("/collections/to%20watch")),
    Case(
        "collection-gone", "/collections/{title:path}", at("/collections/nonesuch"), allow=REFUSED
    ),
    Case("job-marked", "/jobs/{job_id}", marked_job, then=everything_open),
    Case("shared", "/s/{key}", shared_link),
    Case("shared-locked", "/s/{key}", locked_link),
    Case("shared-ended", "/s/{key}", at("/s/nothing"), allow=REFUSED),
    Case("share-made", "/jobs/{job_id}", job_in(JobStatus.COMPLETED), then=link_made),
    Case("job-kept", "/jobs/{job_id}", job_in(JobStatus.COMPLETED), then=everything_open),
    Case("job-same", "/jobs/{job_id}", with_duplicates),
    Case("job-next", "/jobs/{job_id}", job_in(JobStatus.COMPLETED), then=next_announced),
    Case("job-running", "/jobs/{job_id}", job_in(JobStatus.RUNNING)),
    Case("job-waiting", "/jobs/{job_id}", job_in(JobStatus.QUEUED)),
    Case("job-cancelled", "/jobs/{job_id}", job_in(JobStatus.CANCELLED)),
    Case("job-sign-in", "/jobs/{job_id}", job_in(JobStatus.FAILED, ErrorCode.LOGIN_REQUIRED)),
    Case("job-choose", "/jobs/{job_id}", job_in(JobStatus.FAILED, ErrorCode.AMBIGUOUS)),
    Case("job-as-it-is", "/jobs/{job_id}", job_in(JobStatus.FAILED, ErrorCode.NOT_AS_ANNOUNCED)),
    Case("job-again-soon", "/jobs/{job_id}", job_in(JobStatus.FAILED, ErrorCode.RATE_LIMITED)),
    Case("job-gone", "/jobs/{job_id}", at(f"/jobs/{NO_ID}"), allow=REFUSED),
    Case("accounts", "/accounts", at("/accounts")),
    Case("accounts-empty", "/accounts", at("/accounts"), "empty"),
    Case("accounts-none-found", "/accounts", at("/accounts?q=nobody")),
    Case("account", "/accounts/{platform}/{slug}", at("/accounts/x/marsh_walks")),
    Case("account-gone", "/accounts/{platform}/{slug}", at("/accounts/x/nobody"), allow=REFUSED),
    Case("sites", "/sites", at("/sites"), then=everything_open),
    Case("sites-empty", "/sites", at("/sites"), "empty"),
    Case("site", "/sites/{platform}", at("/sites/x"), then=everything_open),
    Case("site-empty", "/sites/{platform}", at("/sites/tiktok"), "empty"),
    Case("settings", "/settings", at("/settings")),
    *(
        Case(
            f"settings-{name}",
            "/settings/{section}",
            at(f"/settings/{name}"),
            then=everything_open,
            is_rare=name not in ("speed", "files"),
        )
        for name in SECTIONS
    ),
    Case(
        "settings-wrong",
        "/settings/{section}",
        at("/settings/files"),
        then=bad_template,
        allow=REFUSED,
    ),
    Case("profiles", "/profiles", at("/profiles")),
    Case("profiles-wrong", "/profiles", at("/profiles"), then=bad_profile, allow=REFUSED),
    Case("sources", "/sources", at("/sources"), then=everything_open),
    Case("sources-empty", "/sources", at("/sources"), "empty"),
    Case("sources-refused", "/sources", at("/sources"), then=source_refused, allow=REFUSED),
    Case("sources-offered", "/", at("/"), then=channel_offered, allow=REFUSED),
    Case("source-change", "/sources", at(f"/sources?change={CHANNEL}")),
    Case("sources-import", "/sources/import", at("/sources/import")),
    Case("sources-listed", "/sources/import", at("/sources/import"), then=list_read),
    Case(
        "sources-member",
        "/sources",
        at("/login"),
        "several",
        then=as_user("jane", "/sources"),
        is_rare=True,
    ),
    Case("source", "/sources/{source_id}", at(f"/sources/{CHANNEL}"), then=everything_open),
    Case("preview", "/sources/preview/{preview_id}", preview_read, then=everything_open),
    Case("preview-waiting", "/sources/preview/{preview_id}", preview_waiting),
    Case(
        "preview-gone", "/sources/preview/{preview_id}", at("/sources/preview/p-1"), allow=REFUSED
    ),
    Case("inbox", "/sources/inbox", at("/sources/inbox"), then=everything_open),
    Case("inbox-news", "/sources/inbox", at("/sources/inbox?news=on"), is_rare=True),
    Case("inbox-empty", "/sources/inbox", at("/sources/inbox"), "empty"),
    Case(
        "inbox-viewer",
        "/sources/inbox",
        at("/login"),
        "several",
        then=as_user("sam", "/sources/inbox"),
        is_rare=True,
    ),
    Case("source-gone", "/sources/{source_id}", at("/sources/nonesuch"), allow=REFUSED),
    Case("notifications", "/notifications", at("/notifications"), then=everything_open),
    Case("notifications-empty", "/notifications", at("/notifications"), "empty"),
    Case(
        "notifications-secret", "/notifications", at("/notifications"), "empty", then=webhook_added
    ),
    Case(
        "notifications-refused",
        "/notifications",
        at("/notifications"),
        then=webhook_refused,
        allow=REFUSED,
    ),
    Case("doctor", "/doctor", at("/doctor")),
    Case("doctor-examined", "/doctor", at("/doctor"), then=examined),
    Case("sign-ins", "/sessions", at("/sessions"), then=everything_open),
    Case("window", "/sessions/window", at("/sessions/window"), allow=REFUSED),
    Case("login", "/login", at("/login"), "guarded"),
    Case("login-wrong", "/login", at("/login"), "guarded", then=wrong_password, allow=REFUSED),
    Case("setup", "/setup", at("/setup")),
    Case("setup-too-easy", "/setup", at("/setup"), then=too_easy, allow=REFUSED),
    Case("access-open", "/access", at("/access")),
    Case("you", "/you", at("/you")),
    Case("phone", "/access/phone", at("/access/phone"), then=everything_open),
    Case("links", "/access/links", at("/access/links")),
    Case("home-viewer", "/", at("/login"), "several", then=as_user("sam", "/")),
    Case("access", "/access", at("/login"), "guarded", then=signed_in_to_access),
    Case("access-new-token", "/access", at("/login"), "guarded", then=with_a_new_token),
    Case("login-users", "/login", at("/login"), "several"),
    Case("access-users", "/access", at("/login"), "several", then=as_user("", "/access")),
    Case("access-viewer", "/access", at("/login"), "several", then=as_user("sam", "/access")),
    Case("feeds", "/access/feeds", feeds_made, then=everything_open),
    Case(
        "feeds-new", "/access/feeds", at("/access/feeds?tag=night%20rides&mine=unwatched"), "empty"
    ),
    Case(
        "feeds-wrong",
        "/access/feeds",
        at("/access/feeds"),
        "empty",
        then=feed_without_a_name,
        allow=REFUSED,
    ),
    Case(
        "feeds-viewer",
        "/access/feeds",
        at("/login"),
        "several",
        then=as_user("sam", "/access/feeds"),
        is_rare=True,
    ),
    Case(
        "library-viewer",
        "/library",
        at("/login"),
        "several",
        then=as_user("sam", "/library"),
        is_rare=True,
    ),
    Case(
        "job-viewer", "/jobs/{job_id}", at("/login"), "several", then=a_viewers_post, is_rare=True
    ),
    Case("home-odd", "/", at("/"), "odd", then=everything_open, is_rare=True),
    Case(
        "library-all-of-these",
        "/library",
        at("/library?state=all"),
        then=all_of_these,
        is_rare=True,
    ),
    Case("library-months", "/library", at("/library?state=all"), "odd", is_rare=True),
    Case(
        "library-selection-menu",
        "/library",
        at("/library"),
        then=more_for_the_selection,
        is_rare=True,
        part="#selected",
    ),
    Case(
        "job-unplayable",
        "/jobs/{job_id}",
        at(f"/jobs/{odd_id(UNPLAYABLE)}"),
        "odd",
        told_the_format,
        NO_PLAYER,
    ),
    Case(
        "job-partly-kept",
        "/jobs/{job_id}",
        at(f"/jobs/{odd_id(PARTLY)}"),
        "odd",
        then=everything_open,
    ),
    Case(
        "job-spoken",
        "/jobs/{job_id}",
        at(f"/jobs/{odd_id(CHAPTERS)}?said=marigolds&t=1&subtitles=en"),
        "odd",
    ),
    Case("library-spoken", "/library", at("/library?q=marigolds"), "odd"),
    Case("job-player", "/jobs/{job_id}", at(f"/jobs/{odd_id(CHAPTERS)}"), "odd", then=player_used),
    Case("job-file-missing", "/jobs/{job_id}", at(f"/jobs/{odd_id(MISSING)}"), "odd", is_rare=True),
    Case("job-challenge", "/jobs/{job_id}", at(f"/jobs/{odd_id(WAITS)}"), "odd", is_rare=True),
    Case(
        "job-sealed", "/jobs/{job_id}", job_in(JobStatus.COMPLETED), then=copy_sealed, is_rare=True
    ),
    Case("job-keys", "/jobs/{job_id}", job_in(JobStatus.COMPLETED), then=keys_shown, is_rare=True),
    Case("sites-odd", "/sites", at("/sites"), "odd", is_rare=True),
    Case("site-closed", "/sites/{platform}", at("/sites/tiktok"), "odd", is_rare=True),
    Case(
        "settings-changed",
        "/settings/{section}",
        at("/settings/speed?saved=true"),
        "odd",
        is_rare=True,
    ),
    Case("sign-ins-odd", "/sessions", at("/sessions"), "odd", then=everything_open, is_rare=True),
    Case(
        "sign-ins-no-cookies",
        "/sessions",
        at("/sessions"),
        then=no_cookies,
        allow=REFUSED,
        is_rare=True,
    ),
    Case("setup-invited", "/setup", at("/setup"), "new", is_rare=True),
    Case(
        "setup-wrong-token",
        "/setup",
        at("/setup"),
        "new",
        then=wrong_invitation,
        allow=REFUSED,
        is_rare=True,
    ),
    Case("nowhere", "", at("/nonesuch"), allow=REFUSED),
    Case("not-understood", "", at("/library?since=never"), allow=REFUSED, is_rare=True),
    Case("too-much", "", at("/"), then=sent_too_much, allow=REFUSED, is_rare=True),
    Case("another-name", "", at("/"), then=reached_by_another_name, allow=REFUSED, is_rare=True),
    Case("database-away", "", at("/library"), "broken", allow=REFUSED, is_rare=True),
)

# Routes that do not return a page, and the reason.
NO_PAGES: dict[str, str] = {
    "/access/feeds.opml": "a download",
    "/feeds/{key}/rss.xml": "read by podcast apps",
    "/feeds/{key}/atom.xml": "read by feed readers",
    "/feeds/{key}/cover.png": "a file",
    "/feeds/{key}/{name}": "a file",
    "/login/oidc": "leads to the provider",
    "/login/oidc/callback": "leads to the page that was wanted",
    "/s/{key}/video": "a file",
    "/s/{key}/picture": "a file",
    "/settings/name": "a part of the settings' page, asked for while somebody types",
    "/library/changes": "tiles that changed, asked for by the library's page",
    "/search": "options of the palette, asked for while somebody types",
    "/sources/export": "a download",
    "/library/zip": "a download",
    "/library/export": "a download",
    "/manifest.webmanifest": "read by browsers that install the pages as an app",
    "/doctor/ytdlp": "a part of the doctor's page, asked for while an upgrade is under way",
}
