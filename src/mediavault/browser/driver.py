"""The slice of Playwright that visits and downloads use, as protocols, so that they are tested with
stubs.

``chromium.py`` alone imports Playwright and hands its objects over; its errors arrive here as the
two below.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.urls import EgressScope

T = TypeVar("T")


class PageFailed(Exception):
    """The page could not do what was asked: navigated away, refused, no such element."""


class PageCrashed(PageFailed):
    """The page's renderer died."""


class BrowserCall(Protocol):
    """Every call into the browser goes through this,
    because a spinning page or a stopped browser never answers.
    """

    async def __call__(self, call: Awaitable[T], within_s: float) -> T:
        """Return the call's result. Raises TookTooLong, PageFailed,
        PageCrashed, BrowserUnavailable.
        """


async def try_call(ask: BrowserCall, call: Awaitable[Any], within_s: float) -> bool:
    """Make a call to something that may be gone already, and return whether it succeeded."""
    try:
        await ask(call, within_s)
    except (TookTooLong, PageFailed, BrowserUnavailable):
        return False
    return True


class Guard(Protocol):
    """The egress proxy, as far as the browser needs it."""

    @property
    def server(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    def visiting(
        self, scope: EgressScope, *, within_s: float
    ) -> AbstractAsyncContextManager[None]: ...


class DriverElement(Protocol):
    async def evaluate(self, expression: str, arg: Any = None) -> Any: ...
    async def click(
        self, *, timeout: float | None = None, no_wait_after: bool | None = None
    ) -> None: ...


class Handle(Protocol):
    def as_element(self) -> DriverElement | None: ...


class DriverFrame(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def parent_frame(self) -> DriverFrame | None: ...
    async def evaluate(self, expression: str, arg: Any = None) -> Any: ...
    async def evaluate_handle(self, expression: str, arg: Any = None) -> Handle: ...
    async def frame_element(self) -> DriverElement: ...


class Page(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def main_frame(self) -> DriverFrame: ...
    @property
    def frames(self) -> Sequence[DriverFrame]: ...
    async def goto(
        self,
        url: str,
        *,
        timeout: float | None = None,
        wait_until: str | None = None,
        referer: str | None = None,
    ) -> Any: ...
    async def wait_for_load_state(
        self, state: str | None = None, *, timeout: float | None = None
    ) -> None: ...
    async def add_init_script(self, script: str | None = None) -> Any: ...
    async def close(self) -> None: ...
    def on(self, event: str, f: Callable[..., Any]) -> None: ...


class Cdp(Protocol):
    """A DevTools session with one page or frame."""

    async def send(
        self, method: str, params: dict[str, Any] | None = None
    ) -> Mapping[str, Any]: ...
    def on(self, event: str, f: Callable[..., Any]) -> None: ...


class Download(Protocol):
    @property
    def url(self) -> str: ...
    async def path(self) -> Path: ...
    async def failure(self) -> str | None: ...
    async def cancel(self) -> None: ...


class Request(Protocol):
    @property
    def resource_type(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def frame(self) -> DriverFrame: ...
    def is_navigation_request(self) -> bool: ...


class Response(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def request(self) -> Request: ...
