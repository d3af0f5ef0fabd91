"""A DevTools session inside another one."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mediavault.browser.driver import PageFailed
from mediavault.browser.interception import ChildSession


class Parent:
    """A parent session that records the messages for its child.
    Tests answer with ``child.receive``.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def send(self, method: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        assert method == "Target.sendMessageToTarget"
        assert params is not None
        self.messages.append({"to": params["sessionId"], **json.loads(params["message"])})
        return {}

    def on(self, event: str, f: Callable[..., Any]) -> None: ...


async def sent(
    child: ChildSession, parent: Parent, method: str
) -> tuple[asyncio.Task[Mapping[str, Any]], int]:
    asking = asyncio.ensure_future(child.send(method, {"a": 1}))
    await asyncio.sleep(0)
    return asking, parent.messages[-1]["id"]


async def test_an_answer_reaches_its_own_request() -> None:
    parent = Parent()
    child = ChildSession(parent, "S")
    first, first_id = await sent(child, parent, "One")
    second, second_id = await sent(child, parent, "Two")
    child.receive(json.dumps({"id": second_id, "result": {"n": 2}}))
    child.receive(json.dumps({"id": first_id, "result": {"n": 1}}))

    assert (await first, await second) == ({"n": 1}, {"n": 2})
    assert [(m["to"], m["method"], m["params"]) for m in parent.messages] == [
        ("S", "One", {"a": 1}),
        ("S", "Two", {"a": 1}),
    ]


async def test_a_refusal_is_reported() -> None:
    parent = Parent()
    child = ChildSession(parent, "S")
    asking, number = await sent(child, parent, "Fetch.enable")
    child.receive(json.dumps({"id": number, "error": {"message": "not found"}}))

    with pytest.raises(PageFailed, match="not found"):
        await asking


async def test_requests_to_a_frame_that_is_gone_fail() -> None:
    parent = Parent()
    child = ChildSession(parent, "S")
    asking, _ = await sent(child, parent, "Fetch.enable")
    child.end()

    with pytest.raises(PageFailed):
        await asking


async def test_a_frame_that_goes_away_during_a_request_leaves_no_unread_failure_behind() -> None:
    """The pending answer fails first, and then the request that is being sent."""
    loop, unread = asyncio.get_running_loop(), list[str]()
    loop.set_exception_handler(lambda _, context: unread.append(context["message"]))

    class Leaving(Parent):
        async def send(
            self, method: str, params: dict[str, Any] | None = None
        ) -> Mapping[str, Any]:
            child.end()
            raise PageFailed("No session with given id")

    child = ChildSession(Leaving(), "S")
    with pytest.raises(PageFailed):
        await child.send("Fetch.enable")
    gc.collect()

    assert unread == []


async def test_events_reach_their_handlers_and_broken_messages_are_ignored() -> None:
    child, seen = ChildSession(Parent(), "S"), list[Any]()
    child.on("Fetch.requestPaused", seen.append)
    child.receive(json.dumps({"method": "Fetch.requestPaused", "params": {"requestId": "1"}}))
    child.receive(json.dumps({"method": "Other", "params": {}}))
    child.receive(json.dumps({"id": 99, "result": {}}))
    child.receive("{")

    assert seen == [{"requestId": "1"}]
