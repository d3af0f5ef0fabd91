"""What the owner of a link reads when its post cannot be saved: each case by a real server, through
the whole vault.

``CASES`` is the table: the code, the sentence, what helps, when the next try is, and the buttons of
the post's page.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediavault.app.composition import App, open_app
from mediavault.app.processes import serve_vault
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus
from mediavault.core.settings import Settings
from mediavault.presentation.labels import help_for
from mediavault.presentation.preferences import Appearance, use
from mediavault.presentation.translation import SOURCE_LOCALE, locales, localize
from mediavault.presentation.views import job_view
from tests.fault_server import FaultServer, Script, changed, fault_server, reply
from tests.patience import patient
from tests.unit.egress.certificates import server_and_client_contexts
from tests.unit.egress.servers import connections, running
from tests.upstream_stubs import stub_proxy

pytestmark = pytest.mark.browser

MINUTE = 60.0
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
FILM = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(4_000)  # its beginning
NEVER = (0.0, 0.0)
SOON = (7 * MINUTE, 13 * MINUTE)  # the first wait of the backoff
# what no user can act on
NOT_TOLD = re.compile(r"net::|ERR_|Errno|\[SSL|Traceback|HTTP 502|HTTP 504")


@dataclass(frozen=True, slots=True)
class Case:
    """``{time}`` in ``said`` is any time. ``retry`` is when the next try is, in seconds:
    at least, and at most.
    """

    url: Callable[[Places], str]
    code: ErrorCode
    said: str
    help: str
    retry: tuple[float, float] = NEVER
    buttons: tuple[str, ...] = ()  # in addition to those that each failed post has


@dataclass(frozen=True, slots=True)
class Outcome:
    job: Job
    help: str
    page: str

    @property
    def buttons(self) -> tuple[str, ...]:
        """The labels of the buttons that the post's page offers, in order."""
        actions = re.search(r'<section id="actions".*?</section>', self.page, re.DOTALL)
        found = re.findall(r"<button[^>]*>(.*?)</button>", actions[0] if actions else "", re.DOTALL)
        return tuple(" ".join(unescape(re.sub(r"<[^>]*>", "", label)).split()) for label in found)


@dataclass
class Places:
    """The servers of the cases. ``ports`` are those that do not speak HTTP as they should."""

    site: FaultServer
    ports: dict[str, int] = field(default_factory=dict)

    def at(
        self, name: str, path: str = "/post", *, scheme: str = "http", host: str = "127.0.0.1"
    ) -> str:
        return f"{scheme}://{host}:{self.ports[name]}{path}"


SIGN_IN_MAY_HELP = (
    "Signing in may help: open a browser window on the post (on its page, or with `mediavault"
    " answer ID`). Retrying automatically."
)
CASES: Mapping[str, Case] = {
    "the connection is refused": Case(
        lambda at: at.at("refused"),
        ErrorCode.SITE_UNREACHABLE,
        "127.0.0.1 does not accept connections.",
        "The site may be down, or the link's port is wrong. Retrying automatically.",
        SOON,
    ),
    "the connection is reset": Case(
        lambda at: at.at("reset"),
        ErrorCode.SITE_UNREACHABLE,
        "127.0.0.1 closed the connection without an answer.",
        "The site may be down, or the link's port is wrong. Retrying automatically.",
        SOON,
    ),
    "the answer is not HTTP": Case(
        lambda at: at.at("not http"),
        ErrorCode.SITE_UNREACHABLE,
        "127.0.0.1 sent an answer that is not HTTP.",
        "The site may be down, or the link's port is wrong. Retrying automatically.",
        SOON,
    ),
    "the name does not exist": Case(
        lambda at: "http://no-such-name.test/post",
        ErrorCode.SITE_NOT_FOUND,
        "There is no site named no-such-name.test.",
        "Check the link for typing mistakes. Retrying automatically.",
        SOON,
    ),
    "the name does not exist, over TLS": Case(
        lambda at: "https://no-such-name.test/post",
        ErrorCode.SITE_NOT_FOUND,
        "There is no site named no-such-name.test.",
        "Check the link for typing mistakes. Retrying automatically.",
        SOON,
    ),
    "the DNS does not answer": Case(
        lambda at: "https://unanswered.test/post",
        ErrorCode.NETWORK,
        "The name unanswered.test could not be resolved.",
        "Check this computer's internet connection. Retrying automatically.",
        SOON,
    ),
    "the certificate is not valid": Case(
        lambda at: at.at("tls", scheme="https"),
        ErrorCode.CERTIFICATE_INVALID,
        "The certificate of 127.0.0.1 is not valid.",
        (
            "Check the clock of this computer. If it is right, only the site can fix this. Retrying"
            " automatically."
        ),
        SOON,
    ),
    "no TLS where the link says https": Case(
        lambda at: at.at("not http", scheme="https"),
        ErrorCode.SITE_UNREACHABLE,
        "127.0.0.1 sent an answer that is not HTTPS.",
        "The site may be down, or the link's port is wrong. Retrying automatically.",
        SOON,
    ),
    "redirects in a circle": Case(
        lambda at: at.site.url("/circle"),
        ErrorCode.REDIRECT_LOOP,
        "127.0.0.1 sends visitors in a circle.",
        "Sign in to the site, or open the post in a browser. Retrying once.",
        SOON,
    ),
    "the page does not answer": Case(
        lambda at: at.site.url("/hangs"),
        ErrorCode.TIMEOUT,
        "127.0.0.1 took too long to answer.",
        "The site was too slow. Retrying automatically.",
        SOON,
    ),
    **{
        f"the connection is accepted and nothing is sent ({scheme})": Case(
            lambda at, scheme=scheme: at.at("silent", scheme=scheme),  # type: ignore[misc]
            ErrorCode.TIMEOUT,
            "127.0.0.1 took too long to answer.",
            "The site was too slow. Retrying automatically.",
            SOON,
        )
        for scheme in ("http", "https")
    },
    "closed for two hours": Case(
        lambda at: at.site.url("/closed"),
        ErrorCode.SITE_CLOSED,
        "The site is closed until {time} UTC.",
        "Nothing to do. Retrying automatically when the site opens again.",
        (120 * MINUTE, 133 * MINUTE),
    ),
    "asked to slow down for two hours": Case(
        lambda at: at.site.url("/slower"),
        ErrorCode.RATE_LIMITED,
        "The site asked us to slow down. It may be asked again at {time} UTC.",
        "Nothing to do. Retrying automatically when the site allows it.",
        (120 * MINUTE, 133 * MINUTE),
    ),
    "asked to come back in a month": Case(
        lambda at: at.site.url("/month"),
        ErrorCode.SITE_CLOSED,
        "The site is closed until {time} UTC.",
        "Nothing to do. Retrying automatically when the site opens again.",
        (24 * 60 * MINUTE, 26.5 * 60 * MINUTE),
    ),
    "HTTP 403": Case(
        lambda at: at.site.url("/403"),
        ErrorCode.ACCESS_REFUSED,
        "The site refused us (HTTP 403).",
        SIGN_IN_MAY_HELP,
        SOON,
        ("Sign in to 127.0.0.1",),
    ),
    "HTTP 418": Case(
        lambda at: at.site.url("/418"),
        ErrorCode.ACCESS_REFUSED,
        "The site refused us (HTTP 418).",
        SIGN_IN_MAY_HELP,
        SOON,
        ("Sign in to 127.0.0.1",),
    ),
    "HTTP 404": Case(
        lambda at: at.site.url("/404"),
        ErrorCode.DELETED,
        "The site says that this post is gone (HTTP 404).",
        "Check the link for typing mistakes. If it is right, the post or its account was deleted,"
        " and there is nothing more to do.",
    ),
    **{
        f"the media URL answers {status}": Case(
            lambda at, status=status: at.site.url(f"/names-{status}"),  # type: ignore[misc]
            ErrorCode.MEDIA_REFUSED,
            f"The page names a video that its server does not give out (HTTP {status}).",
            (
                "Retrying automatically. If the video plays in your browser, signing in to the site"
                " may help."
            ),
            SOON,
        )
        for status in (401, 403, 404, 410)
    },
    "a broadcast in the future": Case(
        lambda at: at.site.url("/announced"),
        ErrorCode.UPCOMING,
        "The broadcast has not begun. Announced for {time} UTC.",
        "Not released yet. Retrying automatically.",
        (47 * 60 * MINUTE, 49 * 60 * MINUTE),
    ),
    "a broadcast that is over": Case(
        lambda at: at.site.url("/over"),
        ErrorCode.BROADCAST_OVER,
        "The broadcast is over, and the page has no recording of it.",
        "There is no recording on the page. If the site offers one elsewhere, paste its link.",
    ),
    "not available in the country": Case(
        lambda at: at.site.url("/country"),
        ErrorCode.REGION_LOCKED,
        "The site says: This video is not available in your country.",
        "The site does not show this post in the country of this computer. A proxy in another"
        " country may help: name"
        " it in MEDIAVAULT_PROXIES, then try again.",
    ),
    "an age gate": Case(
        lambda at: at.site.url("/age"),
        ErrorCode.AGE_RESTRICTED,
        "The site says: Please confirm your age to continue.",
        "Sign in with an account whose age is verified.",
        NEVER,
        ("Sign in to 127.0.0.1",),
    ),
    "a suspended account": Case(
        lambda at: at.site.url("/suspended"),
        ErrorCode.ACCOUNT_SUSPENDED,
        "The site says: Account suspended",
        "Only the site can lift the suspension. If it does, try again.",
    ),
    "only pictures": Case(
        lambda at: at.site.url("/pictures"),
        ErrorCode.ONLY_PICTURES,
        "The post has 1 picture, but no video.",
        "Choose the profile pictures, and try again.",
        NEVER,
        ("Save the pictures",),
    ),
    "only sound": Case(
        lambda at: at.site.url("/sound"),
        ErrorCode.ONLY_SOUND,
        "The post has sound, but no video.",
        "Choose the profile audio, and try again.",
        NEVER,
        ("Save the sound",),
    ),
    "a file of 215 GB": Case(
        lambda at: at.site.url("/large.mp4"),
        ErrorCode.TOO_LARGE,
        "The video has 214.7 GB or more; at most 53.7 GB are allowed.",
        "Raise MEDIAVAULT_MAX_FILE_GB and try again.",
    ),
    "a page that leads into the home network": Case(
        lambda at: at.site.url("/inwards"),
        ErrorCode.ADDRESS_REFUSED,
        "mediavault does not connect to 192.168.1.5 (inside a home network).",
        "If the post itself is on your own server, add that server to MEDIAVAULT_ALLOW_PRIVATE"
        " (host or host:port). Private addresses to which posts on other sites lead are always"
        " refused.",
    ),
}


# --- the vault and the servers --------------------------------------------------------------------


@asynccontextmanager
async def places(folder: Path) -> AsyncIterator[Places]:
    async with AsyncExitStack() as stack:
        made = Places(await stack.enter_async_context(fault_server()))
        answer_pages(made.site)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            made.ports["refused"] = unused.getsockname()[1]
        made.ports["reset"] = await stack.enter_async_context(connections(_reset))
        made.ports["silent"] = await stack.enter_async_context(connections(_silent))
        made.ports["not http"] = await stack.enter_async_context(connections(_other_protocol))
        server, _ = server_and_client_contexts("a.test", folder)
        made.ports["tls"] = (await stack.enter_async_context(running({}, tls=server))).port
        yield made


def answer_pages(site: FaultServer) -> None:
    """Set the answers of the pages that the cases name."""
    site.on("/circle", reply(302, Location="/circle"))
    site.on("/hangs", changed(reply(200), length=False, hang=True, cut_at=0))
    site.on("/closed", reply(503, b"Closed for maintenance.", Retry_After="7200"))
    site.on("/slower", reply(429, b"Slower, please.", Retry_After="7200"))
    site.on("/month", reply(503, b"Closed for maintenance.", Retry_After=str(30 * 24 * 3600)))
    for status in (403, 418):
        site.on(f"/{status}", page("No", "You shall not pass.", status=status))
    for status in (401, 403, 404, 410):
        site.on(
            f"/names-{status}",
            page("A film", f'<video controls src="/media-{status}.mp4"></video>'),
        )
        site.on(f"/media-{status}.mp4", reply(status))
    now = datetime.now(UTC)
    site.on("/announced", broadcast(now + timedelta(days=2)))
    site.on("/over", broadcast(now - timedelta(days=2), now - timedelta(days=1)))
    site.on("/country", page("A film", "<p>This video is not available in your country.</p>"))
    site.on("/age", page("A film", "<p>Please confirm your age to continue.</p>"))
    site.on("/suspended", page("Account suspended", "<p>This profile broke the rules.</p>"))
    posting = {"@type": "SocialMediaPosting", "headline": "A walk", "image": site.url("/walk.jpg")}
    site.on(
        "/pictures",
        page(
            "A walk",
            f"{linked(posting)}<p>Fifteen words are enough to say that this is a page.</p>",
        ),
    )
    site.on("/sound", page("A talk", '<audio controls src="/talk.mp3"></audio>'))
    site.on("/large.mp4", reply(200, FILM, Content_Type="video/mp4", Content_Length=str(200 << 30)))
    site.on("/40-mb.mp4", reply(200, FILM, Content_Type="video/mp4", Content_Length="40000000"))
    site.on("/inwards", reply(302, Location="http://192.168.1.5/camera"))


def page(title: str, body: str, *, status: int = 200) -> Script:
    html = f"<!doctype html><title>{title}</title><main><h1>{title}</h1>{body}</main>"
    return reply(status, html.encode(), Content_Type="text/html")


def linked(data: Mapping[str, Any]) -> str:
    content = json.dumps({"@context": "https://schema.org", **data})
    return f'<script type="application/ld+json">{content}</script>'


def broadcast(starts_at: datetime, ends_at: datetime | None = None) -> Script:
    """Return the page of a broadcast that shows no video."""
    ends = {"endDate": ends_at.isoformat()} if ends_at else {}
    event = {
        "@type": "BroadcastEvent",
        "isLiveBroadcast": True,
        "startDate": starts_at.isoformat(),
        **ends,
    }
    return page(
        "The concert",
        f"{linked(event)}<p>All the music of the evening, live from the old town hall.</p>",
    )


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.transport.abort()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1_000):
        pass


async def _other_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await writer.drain()
    await reader.read(10)


def resolve(host: str, *rest: Any, **options: Any) -> Any:
    """Answer as the system's resolver does for names that end with ``.test``."""
    if host.endswith(".test"):
        code = socket.EAI_AGAIN if host == "unanswered.test" else socket.EAI_NONAME
        raise socket.gaierror(code, "Name or service not known")
    return REAL_LOOKUP(host, *rest, **options)


REAL_LOOKUP = socket.getaddrinfo


async def test_a_full_library_says_what_is_needed_what_is_free_and_what_is_kept_free(
    tmp_path: Path,
) -> None:
    reserve_mb = shutil.disk_usage(tmp_path).free // 1_000_000  # in MiB: more than is free
    case = Case(
        lambda at: at.site.url("/40-mb.mp4"),
        ErrorCode.NO_SPACE,
        (
            "The video needs 40 MB. {free} MB are free, of which {reserve} MB are kept free"
            " (MEDIAVAULT_RESERVE_MB)."
        ),
        "Free up space on the library's disk. Retrying automatically.",
        (3 * MINUTE, 7 * MINUTE),
    )
    outcome = (await outcomes_of(tmp_path, {"full": case}, reserve_mb=reserve_mb))["full"]
    figures = re.search(r"MB\. ([\d,]+) MB are free, of which ([\d,]+) MB", outcome.job.error or "")

    assert figures is not None
    free, reserve = (int(figure.replace(",", "")) for figure in figures.groups())
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free / 1e6, rel=0.1)
    assert reserve == round(reserve_mb * (1 << 20) / 1e6)
    assert_as_in(replace(case, said=case.said.format(free=figures[1], reserve=figures[2])), outcome)


async def test_a_proxy_that_refuses_the_password_names_the_settings(tmp_path: Path) -> None:
    async with stub_proxy("http with a password") as stub:
        wrong = f"http://canary:wrong@127.0.0.1:{stub.port}"
        case = Case(
            lambda at: "http://93.184.216.34/post",
            ErrorCode.PROXY_FAILED,
            (
                f"The proxy http://***@127.0.0.1:{stub.port} cannot be used: it does not accept the"
                " user name and password."
            ),
            "Check that the proxy is running and that its address, user name and password in"
            " MEDIAVAULT_PROXY or"
            " MEDIAVAULT_PROXIES are right; `mediavault doctor` tests it. Retrying automatically.",
            (3 * MINUTE, 7 * MINUTE),
        )
        outcome = (await outcomes_of(tmp_path, {"proxy": case}, proxy=wrong))["proxy"]

    assert_as_in(case, outcome)


async def outcomes_of(root: Path, cases: Mapping[str, Case], **settings: Any) -> dict[str, Outcome]:
    """Submit the posts of the cases to a vault, and return how each of them ended after one
    attempt.
    """
    async with places(root) as made:
        open_ports = [f"127.0.0.1:{port}" for port in (made.site.port, *made.ports.values())]
        vault_settings = Settings(
            state_dir=root / "state",
            download_dir=root / "downloads",
            host="127.0.0.1",
            port=0,
            allow_private=tuple(open_ports),
            retry_base_s=10 * MINUTE,  # no second attempt while the first ones run
            concurrency=6,  # most of them wait for this time limit
            extraction_timeout_s=patient(30),
            **settings,
        )
        async with open_app(vault_settings, worker=True) as vault, pages_of(vault) as base:
            urls = {name: case.url(made) for name, case in cases.items()}
            jobs = {
                name: (await vault.store.queue.enqueue([vault.submit(url)]))[0].job
                for name, url in urls.items()
            }
            ended = await asyncio.gather(*(outcome_of(vault, base, job) for job in jobs.values()))
            return dict(zip(jobs, ended, strict=True))


@asynccontextmanager
async def pages_of(vault: App) -> AsyncIterator[str]:
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_vault(vault, stop, on_open=address.set_result))
    try:
        yield await asyncio.wait_for(address, patient(30))
    finally:
        stop.set()
        await serving


async def outcome_of(vault: App, base: str, job: Job) -> Outcome:
    async with asyncio.timeout(patient(300)):
        while job.status is not JobStatus.FAILED:
            assert job.status is not JobStatus.COMPLETED
            await asyncio.sleep(0.2)
            job = await vault.store.catalogue.get(job.id)
    async with aiohttp.ClientSession() as session, session.get(f"{base}/jobs/{job.id}") as response:
        return Outcome(job, job_view(job).help or "", await response.text())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """All cases in one vault: its browser is started once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield asyncio.run(outcomes_of(tmp_path_factory.mktemp("failures"), CASES))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_a_failure_says_what_happened_what_helps_and_when_it_is_tried_again(
    name: str, outcomes: Mapping[str, Outcome]
) -> None:
    assert_as_in(CASES[name], outcomes[name])


def assert_as_in(case: Case, outcome: Outcome) -> None:
    job = outcome.job
    wait_s = (
        (job.retry_at - job.failed_at).total_seconds() if job.retry_at and job.failed_at else 0.0
    )

    said = TIME.sub("{time}", job.error or "")

    assert (job.error_code, said, outcome.help) == (case.code, case.said, case.help)
    assert case.retry[0] <= wait_s <= case.retry[1]
    assert outcome.buttons == (
        *case.buttons,
        "Try again",
        *(["Cancel"] if wait_s else []),
        "Delete",
    )
    assert not NOT_TOLD.search(f"{job.error} {outcome.help}")
    for locale in sorted(locales() - {SOURCE_LOCALE}):
        try:
            use(Appearance(locale=locale))
            shown = localize(job.error_code, job.error or "")
            helped = help_for(job.error_code)
        finally:
            use(Appearance())
        assert (shown.original, shown.text != job.error, helped != outcome.help) == ("", True, True)
