"""Responses paused by the browser: what is read, what is stopped, and that none stays paused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import pytest
import structlog
from structlog.testing import capture_logs

from mediavault.browser.driver import PageFailed
from mediavault.browser.interception import BodyTap, InterceptVerdict, judge
from mediavault.browser.network_log import MAX_BODY_BYTES, NetworkLog
from mediavault.core.failures import TookTooLong
from mediavault.core.logs import job_context

T = TypeVar("T")


@pytest.mark.parametrize(
    ("kind", "status", "headers", "verdict"),
    [
        ("XHR", 200, {"content-type": "application/json; charset=utf-8"}, InterceptVerdict.READ),
        ("Fetch", 200, {"content-type": "application/vnd.api+json"}, InterceptVerdict.READ),
        ("Fetch", 200, {"content-type": "application/dash+xml"}, InterceptVerdict.READ),
        ("Document", 404, {"content-type": "text/html"}, InterceptVerdict.READ),
        ("Fetch", 200, {"content-type": "text/html"}, InterceptVerdict.SNIFF),
        (
            "XHR",
            200,
            {"content-type": "application/octet-stream", "content-length": "900"},
            InterceptVerdict.SNIFF,
        ),
        ("XHR", 200, {"content-type": "application/octet-stream"}, InterceptVerdict.PASS),
        ("XHR", 200, {"content-type": "application/xml"}, InterceptVerdict.SNIFF),
        (
            "XHR",
            206,
            {"content-type": "text/plain", "content-length": "900"},
            InterceptVerdict.PASS,
        ),
        ("Fetch", 200, {"content-type": "video/mp4"}, InterceptVerdict.PASS),
        ("Fetch", 200, {"content-type": "text/event-stream"}, InterceptVerdict.PASS),
        ("Fetch", 204, {"content-type": "application/json"}, InterceptVerdict.PASS),
        ("Fetch", 302, {"content-type": "application/json"}, InterceptVerdict.PASS),
        ("Fetch", None, {}, InterceptVerdict.PASS),
        ("Document", 200, {"content-type": "video/mp4"}, InterceptVerdict.PASS),
        (
            "Document",
            200,
            {"content-disposition": 'Attachment; filename="x"'},
            InterceptVerdict.STOP,
        ),
        (
            "Fetch",
            200,
            {"content-type": "application/json", "content-length": str(MAX_BODY_BYTES + 1)},
            InterceptVerdict.PASS,
        ),
        (
            "Fetch",
            200,
            {"content-type": "application/json", "content-length": "9" * 5_000},
            InterceptVerdict.READ,
        ),
        (
            "Fetch",
            200,
            {"content-type": "application/json", "content-length": "\N{SUPERSCRIPT TWO}"},
            InterceptVerdict.READ,
        ),
    ],
)
def test_each_response_gets_its_verdict(
    kind: str, status: int | None, headers: Mapping[str, str], verdict: InterceptVerdict
) -> None:
    assert judge(kind, "https://a.test/x", status, headers, named=False) is verdict


def test_page_data_is_read_whatever_type_it_claims() -> None:
    assert (
        judge("XHR", "https://a.test/api", 200, {"content-type": "text/html"}, named=True)
        is InterceptVerdict.READ
    )


def paused(kind: str = "XHR", **headers: str) -> dict[str, Any]:
    return {
        "requestId": "1",
        "frameId": "MAIN",
        "resourceType": kind,
        "request": {"url": "https://a.test/api", "headers": {}},
        "responseStatusCode": 200,
        "responseHeaders": [{"name": n.replace("_", "-"), "value": v} for n, v in headers.items()],
    }


class StubCdp:
    """A DevTools session whose bodies are scripted; a body of None never comes."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self.child: StubCdp | None = None
        self._handlers: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    async def send(self, method: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        self.sent.append((method, params or {}))
        if method == "Target.sendMessageToTarget":
            return await self._to_child(json.loads((params or {})["message"]))
        if method == "Page.getFrameTree":
            return {"frameTree": {"frame": {"id": "MAIN"}}}
        if method == "Fetch.getResponseBody":
            if self._body is None:
                raise TookTooLong("never")
            return {"body": base64.b64encode(self._body).decode(), "base64Encoded": True}
        return {}

    def on(self, event: str, f: Callable[..., Any]) -> None:
        self._handlers[event] = f

    async def _to_child(self, message: dict[str, Any]) -> Mapping[str, Any]:
        assert self.child is not None
        result = await self.child.send(message["method"], message["params"])
        self.tell_child({"id": message["id"], "result": result})
        return {}

    def tell_child(self, message: Mapping[str, Any]) -> None:
        """Deliver a message of the child session, as it arrives through this session."""
        self._handlers["Target.receivedMessageFromTarget"](
            {"sessionId": "CHILD", "message": json.dumps(message)}
        )

    def attach(self, child: StubCdp) -> None:
        self.child = child
        self._handlers["Target.attachedToTarget"](
            {"sessionId": "CHILD", "targetInfo": {}, "waitingForDebugger": True}
        )

    def pause(self, kind: str = "XHR", **headers: str) -> None:
        self._handlers["Fetch.requestPaused"](paused(kind, **headers))

    def ended_with(self) -> list[str]:
        return [
            method for method, _ in self.sent if method.startswith(("Fetch.continue", "Fetch.fail"))
        ]


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


async def tapped(body: bytes | None, json_paths: str | None = "/api") -> tuple[StubCdp, NetworkLog]:
    cdp, network = (
        StubCdp(body),
        NetworkLog(lambda: 0.0, re.compile(json_paths) if json_paths else None),
    )
    await BodyTap(cdp, ask, network).start()
    return cdp, network


async def settle() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


async def test_a_body_is_read_and_the_request_goes_on() -> None:
    cdp, network = await tapped(b'{"a":1}')
    cdp.pause(content_type="application/json")
    await settle()

    assert network.page_data_seen
    assert cdp.ended_with() == ["Fetch.continueResponse"]


async def test_a_body_that_never_ends_does_not_hold_the_request() -> None:
    cdp, network = await tapped(None)
    cdp.pause(content_type="application/json")
    await settle()

    assert not network.page_data_seen
    assert cdp.ended_with() == ["Fetch.continueResponse"]


async def test_what_happens_to_a_body_is_logged_with_the_job_whose_page_it_is() -> None:
    """The driver calls back outside the task that visits the page."""
    with job_context("a job", "its trace"):
        cdp, _ = await tapped(None)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        cdp.pause(content_type="application/json")
        await settle()

    assert [(line["event"], line.get("job_id")) for line in lines] == [("body_not_read", "a job")]


async def test_a_page_that_is_a_download_is_noted_and_stopped() -> None:
    cdp, network = await tapped(b"")
    cdp.pause("Document", content_disposition="attachment", content_type="video/mp4")
    await settle()

    assert network.main_document is not None
    assert network.main_document.mime == "video/mp4"
    assert cdp.ended_with() == ["Fetch.failRequest"]


@pytest.mark.parametrize(
    ("body", "recorded"), [(b"#EXTM3U\n#EXTINF:1,\na.ts\n", True), (b"once upon a time", False)]
)
async def test_a_body_of_a_vague_type_is_recorded_only_where_it_is_a_manifest_or_json(
    body: bytes, recorded: bool
) -> None:
    cdp, network = await tapped(body, json_paths=None)
    cdp.pause(content_type="text/plain")
    await settle()

    assert network.video_named is recorded
    assert cdp.ended_with() == ["Fetch.continueResponse"]


async def test_what_an_ad_server_answers_is_read_for_the_files_that_it_names() -> None:
    cdp, network = await tapped(
        b"<VAST><MediaFile>https://cdn.test/spot.mp4</MediaFile></VAST>", json_paths=None
    )
    cdp.pause(content_type="application/xml")
    await settle()

    assert list(network.adverts) == ["https://cdn.test/spot.mp4"]
    assert not network.video_named


async def test_a_frame_in_another_process_is_tapped_before_it_runs() -> None:
    cdp, network = await tapped(b"")
    child = StubCdp(b'{"a":1}')
    cdp.attach(child)
    await settle()
    cdp.tell_child(
        {"method": "Fetch.requestPaused", "params": paused(content_type="application/json")}
    )
    await settle()

    order = [method for method, _ in child.sent]
    assert order.index("Fetch.enable") < order.index("Runtime.runIfWaitingForDebugger")
    assert "Target.setAutoAttach" in order  # frames within it
    assert network.page_data_seen
    assert child.ended_with() == ["Fetch.continueResponse"]


async def test_a_frame_that_refuses_to_be_tapped_runs_all_the_same() -> None:
    class Refusing(StubCdp):
        async def send(
            self, method: str, params: dict[str, Any] | None = None
        ) -> Mapping[str, Any]:
            await super().send(method, params)
            if method == "Fetch.enable":
                raise PageFailed("no")
            return {}

    cdp, _ = await tapped(b"")
    child = Refusing(b"")
    cdp.child = child
    with contextlib.suppress(PageFailed):
        cdp.attach(child)
    await settle()

    assert "Runtime.runIfWaitingForDebugger" in [method for method, _ in child.sent]


async def test_stopping_lets_frames_go_that_wait_for_us() -> None:
    cdp = StubCdp(b"")
    tap = BodyTap(cdp, ask, NetworkLog(lambda: 0.0))
    await tap.start()
    await tap.stop()

    assert [(m, p.get("autoAttach")) for m, p in cdp.sent[-2:]] == [
        ("Target.setAutoAttach", False),
        ("Fetch.disable", None),
    ]
