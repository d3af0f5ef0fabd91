"""Webhooks and Apprise's child over real connections, each to a receiver on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mediavault.app.notifying import GuardedSender, open_notifier
from mediavault.apprise import apprise_child
from mediavault.apprise.apprise_child import only_installed_files
from mediavault.core.clock import SystemClock
from mediavault.core.failures import AddressRefused, BadInput
from mediavault.core.settings import Settings
from mediavault.core.urls import parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.features.notifications.model import DeliveryState, new_secret, signed_headers
from mediavault.features.notifications.service import Notifications
from mediavault.server.services import SendResult
from tests.memory_store import MemoryJobStore

REFUSED = "The address (is private|belongs to this machine)"
BODY = b'{"type":"job.saved","timestamp":"2026-11-24T12:00:00Z","data":{}}'


@dataclass
class Receiver:
    """What it was sent, and where it is."""

    port: int
    # line, headers, body
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def receiving(
    status: str = "204 No Content", headers: Sequence[str] = ()
) -> AsyncIterator[Receiver]:
    """A server that records each request and gives this response."""
    requests: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            sent = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            requests.append(
                (head[0], sent, await reader.readexactly(int(sent.get("content-length", "0"))))
            )
            lines = [
                f"HTTP/1.1 {status}",
                "Content-Length: 0",
                "Connection: close",
                *headers,
                "",
                "",
            ]
            writer.write("\r\n".join(lines).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Receiver(server.sockets[0].getsockname()[1], requests)


def sender(tmp_path: Path, *allowed: str) -> GuardedSender:
    settings = Settings(
        state_dir=tmp_path / "state", download_dir=tmp_path, allow_private=allowed, port=8420
    )
    return GuardedSender(settings, SystemClock())


async def posted(sending: GuardedSender, url: str, *, private: bool = False) -> SendResult:
    headers = signed_headers("msg_1", BODY, [new_secret()], now=SystemClock().now())
    return await sending.post(url, BODY, headers, private=private)


async def test_an_independent_library_verifies_what_arrives(tmp_path: Path) -> None:
    async with receiving() as receiver:
        sending, secret, other = sender(tmp_path, receiver.host), new_secret(), new_secret()
        now = SystemClock().now()
        headers = signed_headers("msg_1", BODY, [other, secret], now=now)
        assert await sending.post(
            f"http://{receiver.host}/hook", BODY, headers, private=False
        ) == SendResult(204)

    [(line, received, body)] = receiver.requests
    assert (line, body) == ("POST /hook HTTP/1.1", BODY)
    for each in (secret, other):
        assert Webhook(each).verify(body, received) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, received)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", received)


async def test_a_redirect_into_the_home_network_is_a_failure_and_not_followed(
    tmp_path: Path,
) -> None:
    async with (
        receiving() as inside,
        receiving("307 Moved", [f"Location: http://{inside.host}/admin"]) as outside,
    ):
        result = await posted(
            sender(tmp_path, outside.host, inside.host), f"http://{outside.host}/hook"
        )

    assert result == SendResult(307, "It answered with a redirect (307), which is not followed.")
    assert len(outside.requests) == 1
    assert inside.requests == []


async def test_the_receivers_answer_says_how_long_to_wait(tmp_path: Path) -> None:
    async with receiving("429 Slow", ["Retry-After: 120"]) as receiver:
        result = await posted(sender(tmp_path, receiver.host), f"http://{receiver.host}/")

    assert result == SendResult(429, "It answered 429.", timedelta(minutes=2))


@pytest.mark.parametrize("private", [False, True])
async def test_loopback_is_opened_by_the_settings_alone(tmp_path: Path, *, private: bool) -> None:
    """Services there trust everyone who reaches them,
    and an admin of the vault need not be the machine's.
    """
    async with receiving() as trap:
        sending = sender(tmp_path)
        for host in (
            trap.host,
            f"localhost:{trap.port}",
            f"[::1]:{trap.port}",
            f"[::ffff:127.0.0.1]:{trap.port}",
        ):
            result = await posted(sending, f"http://{host}/", private=private)
            assert not result.is_delivered
            with pytest.raises(BadInput, match=REFUSED):
                sending.check(f"http://{host}/", private=private)

    assert trap.requests == []


class Rebinding:
    """A resolver whose name has a public address at first and a private one afterwards."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str) -> list[str]:
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("address", "private", "opens"),
    [
        ("192.168.1.20", False, False),
        ("192.168.1.20", True, True),
        ("100.64.0.9", True, True),
        ("127.0.0.1", True, False),
        ("169.254.169.254", True, False),
    ],
)
async def test_a_target_opens_its_own_host_and_only_if_an_admin_said_so(
    tmp_path: Path, address: str, *, private: bool, opens: bool
) -> None:
    sending = sender(tmp_path)
    sending._resolver = Rebinding(address)  # type: ignore[assignment]
    guard: EgressGuard = sending._guard("hook.example", private=private)

    async def reaches(host: str) -> bool:
        try:
            await guard.resolve(host, 8123, scope=parse_http_url("http://hook.example:8123/"))
        except AddressRefused:
            return False
        return True

    assert await reaches("hook.example") is opens
    assert await reaches("other.example") is False


async def test_the_vaults_own_port_is_never_reached(tmp_path: Path) -> None:
    result = await posted(sender(tmp_path, "127.0.0.1:8420"), "http://127.0.0.1:8420/api/jobs")

    assert not result.is_delivered


async def test_a_message_of_the_vault_arrives(tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = Settings(
            state_dir=tmp_path / "state", download_dir=tmp_path, allow_private=(receiver.host,)
        )
        store, clock = MemoryJobStore(SystemClock()), SystemClock()
        async with open_notifier(settings, store, clock) as notifier:
            notifications = Notifications(store, clock, notifier.sender)
            target = await notifications.add(f"http://{receiver.host}/hook", {})
            tried = await notifications.test(target.id)

    assert tried.state is DeliveryState.DELIVERED
    [(_, headers, body)] = receiver.requests
    assert Webhook(target.secrets[0]).verify(body, headers)["type"] == "vault.test"


# --- Apprise --------------------------------------------------------------------------------------


async def notified(sending: GuardedSender, url: str, *, private: bool = False) -> SendResult:
    return await sending.notify(url, "Saved: a title", "The text.", tone="success", private=private)


async def test_apprise_reaches_a_service_through_the_guard(tmp_path: Path) -> None:
    async with receiving("200 OK") as receiver:
        sending = sender(tmp_path, receiver.host)
        assert await sending.identify(f"json://{receiver.host}/hook") == "JSON"
        assert receiver.requests == []
        assert await notified(sending, f"json://{receiver.host}/hook", private=True) == SendResult(
            None
        )

    [(line, _, body)] = receiver.requests
    assert line == "POST /hook HTTP/1.1"
    message = json.loads(body)
    assert (message["title"], message["message"], message["type"]) == (
        "Saved: a title",
        "The text.",
        "success",
    )
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("scheme", ["json", "xml", "form", "ntfy", "gotify"])
async def test_apprise_never_reaches_what_the_guard_does_not_open(
    tmp_path: Path, scheme: str, *, private: bool
) -> None:
    async with receiving("200 OK") as trap:
        result = await notified(
            sender(tmp_path), f"{scheme}://{trap.host}/Aabcdefghijklmn", private=private
        )

    assert re.match(REFUSED, str(result.problem))
    assert trap.requests == []


async def test_what_the_settings_open_needs_no_tick(tmp_path: Path) -> None:
    async with receiving("200 OK") as receiver:
        assert (
            await notified(sender(tmp_path, receiver.host), f"json://{receiver.host}/")
        ).is_delivered


async def test_apprise_follows_no_redirect_whatever_the_url_asks_for(tmp_path: Path) -> None:
    async with (
        receiving("200 OK") as trap,
        receiving("307 Moved", [f"Location: http://{trap.host}/"]) as outside,
    ):
        sending = sender(tmp_path, outside.host, trap.host)
        result = await notified(sending, f"json://{outside.host}/?redirect=yes", private=True)

    assert not result.is_delivered
    assert len(outside.requests) == 1
    assert trap.requests == []


async def test_the_status_of_a_refusal_is_shown_and_nothing_of_the_url(tmp_path: Path) -> None:
    async with receiving("403 Forbidden") as receiver:
        result = await notified(
            sender(tmp_path, receiver.host), f"json://jane:hunter2@{receiver.host}/", private=True
        )

    assert result == SendResult(403, "The service answered 403.")


@pytest.mark.parametrize(
    "url",
    [
        "dbus://", "gnome://", "glib://", "macosx://", "windows://", "syslog://",
        "rsyslog://127.0.0.1", "blink1://",
        "mailto://jane:hunter2@mail.example", "mqtt://127.0.0.1/topic", "xmpp://jane:x@127.0.0.1", "irc://127.0.0.1/#a",
        "file:///etc/passwd", "nonesuch://a.example", "config://a.example", "json://", "tgram://incomplete",
    ],
)  # fmt: skip
async def test_services_of_the_machine_and_other_protocols_are_refused(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(BadInput, match="Apprise"):
        await sender(tmp_path).identify(url)


async def test_a_url_that_would_be_refused_is_not_sent_to_either(tmp_path: Path) -> None:
    assert not (await notified(sender(tmp_path), "syslog://")).is_delivered


async def test_no_parameter_of_a_url_reads_a_file(tmp_path: Path) -> None:
    """The service connects after it has read its template,
    so a connection would mean that it could.
    """
    template = tmp_path / "template.json"
    template.write_text(
        json.dumps(
            {"type": "message", "attachments": [{"contentType": "text", "content": "a secret"}]}
        )
    )
    connections = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        url, sending = f"workflows://{host}/workflow/signature", sender(tmp_path, host)
        for each in (f"{url}?template={template}", f"{url}?template=file://{template}"):
            assert not (await notified(sending, each, private=True)).is_delivered
        assert connections == 0
        await notified(sending, url, private=True)
        assert connections > 0, "without a template it connects"


MENTIONS_AND_LINKS = ("@everyone", "<!channel>", "<@42>", "](")
CHATS = {
    "discord://12345/token": ("content", MENTIONS_AND_LINKS),
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general": (
        "attachments",
        MENTIONS_AND_LINKS,
    ),
    "tgram://123456789:abcdefg_hijklmnop/12315544": ("text", ("<3", "<@42>")),  # HTML
}
STRANGERS_TITLE = "@everyone <!channel> <@42> [Sign in](https://evil.example) I <3 this https://tiktok.example/@jane"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of old modules that Apprise imports
@pytest.mark.parametrize("url", CHATS)
def test_a_strangers_title_is_text_in_a_chat(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part, markup = CHATS[url]
    sent: list[str] = []

    def request(
        _: requests.Session, method: str, url: str, data: str = "", **rest: object
    ) -> requests.Response:
        sent.append(data or json.dumps(rest.get("json")))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok" if "slack" in url else b'{"ok": true}'
        return answer

    monkeypatch.setattr(requests.Session, "resolve_redirects", requests.Session.resolve_redirects)
    monkeypatch.setattr(requests.Session, "request", request)
    answer = apprise_child._answer(
        {"url": url, "title": "Saved", "text": STRANGERS_TITLE, "tone": "info"}
    )

    assert answer["sent"]
    shown = json.dumps(json.loads(sent[-1])[part], ensure_ascii=False)
    assert "https://tiktok.example/@jane" in shown
    assert not [one for one in markup if one in shown]


@pytest.mark.parametrize(
    ("path", "mode", "flags", "allowed"),
    [
        ("/venv/lib/requests/api.py", "r", 0, True),
        ("/venv/lib/requests/api.py", None, os.O_RDONLY, True),
        ("/venv/lib/requests/api.py", "w", 0, False),
        ("/venv/lib/requests/api.py", None, os.O_WRONLY | os.O_CREAT, False),
        ("/venv/lib/../../etc/passwd", "rb", 0, False),
        ("/venv/library/secret", "rb", 0, False),
        ("/etc/passwd", "r", 0, False),
        (b"/proc/self/environ", "rb", 0, False),
        (os.devnull, "w", 0, True),
        (3, "rb", 0, True),
    ],
)
def test_only_the_installed_packages_are_opened(
    path: str | bytes | int, mode: str | None, flags: int, *, allowed: bool
) -> None:
    hook = only_installed_files(["/venv/lib"])
    if allowed:
        hook("open", (path, mode, flags))
        return
    with pytest.raises(PermissionError):
        hook("open", (path, mode, flags))
