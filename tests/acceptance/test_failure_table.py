"""What the owner of a link reads when its post cannot be saved: each case by a real server, through the whole vault.

``CASES`` is the table: the code, the sentence, what helps, when the next try is, and the buttons of the post's page.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
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
from mediavault.presentation.views import job_view
from tests.fault_server import FaultServer, fault_server, reply
from tests.patience import patient
from tests.unit.services.egress.certificates import server_and_client_contexts
from tests.unit.services.egress.servers import connections, running

pytestmark = pytest.mark.browser

MINUTE = 60.0
NEVER = (0.0, 0.0)
SOON = (7 * MINUTE, 13 * MINUTE)  # the first wait of the backoff
NOT_TOLD = re.compile(r"net::|ERR_|Errno|\[SSL|Traceback|HTTP 502|HTTP 504")  # what no user can act on


@dataclass(frozen=True, slots=True)
class Case:
    """``said`` may name ``{host}``, ``{port}`` and the like: parts of the post's URL. ``retry`` is the next try in seconds."""

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

    def at(self, name: str, path: str = "/post", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.ports[name]}{path}"


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
        "Check the link for typing mistakes. Retrying once.",
        SOON,
    ),
    "the name does not exist, over TLS": Case(
        lambda at: "https://no-such-name.test/post",
        ErrorCode.SITE_NOT_FOUND,
        "There is no site named no-such-name.test.",
        "Check the link for typing mistakes. Retrying once.",
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
        "Check the clock of this computer. If it is right, only the site can fix this. Retrying automatically.",
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
}


# --- the vault and the servers -------------------------------------------------------------------------------------


@asynccontextmanager
async def places(folder: Path) -> AsyncIterator[Places]:
    async with AsyncExitStack() as stack:
        made = Places(await stack.enter_async_context(fault_server()))
        made.site.on("/circle", reply(302, Location="/circle"))
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            made.ports["refused"] = unused.getsockname()[1]
        made.ports["reset"] = await stack.enter_async_context(connections(_reset))
        made.ports["not http"] = await stack.enter_async_context(connections(_other_protocol))
        server, _ = server_and_client_contexts("a.test", folder)
        made.ports["tls"] = (await stack.enter_async_context(running({}, tls=server))).port
        yield made


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.transport.abort()


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


async def outcomes_of(root: Path, cases: Mapping[str, Case], **settings: Any) -> dict[str, Outcome]:
    """Submit the posts of the cases to a vault, and return how each of them ended after one attempt."""
    async with places(root) as made:
        open_ports = [f"127.0.0.1:{port}" for port in (made.site.port, *made.ports.values())]
        vault_settings = Settings(
            state_dir=root / "state",
            download_dir=root / "downloads",
            host="127.0.0.1",
            port=0,
            allow_private=tuple(open_ports),
            retry_base_s=10 * MINUTE,  # no second attempt while the first ones run
            **settings,
        )
        async with open_app(vault_settings, worker=True) as vault, pages_of(vault) as base:
            urls = {name: case.url(made) for name, case in cases.items()}
            jobs = {name: (await vault.store.queue.enqueue([vault.submit(url)]))[0].job for name, url in urls.items()}
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
    case, outcome = CASES[name], outcomes[name]
    job = outcome.job
    wait_s = (job.retry_at - job.failed_at).total_seconds() if job.retry_at and job.failed_at else 0.0

    assert (job.error_code, job.error, outcome.help) == (case.code, case.said, case.help)
    assert case.retry[0] <= wait_s <= case.retry[1]
    assert outcome.buttons == (*case.buttons, "Try again", *(["Cancel"] if wait_s else []), "Delete")
    assert not NOT_TOLD.search(f"{job.error} {outcome.help}")
