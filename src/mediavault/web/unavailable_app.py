"""The application that runs while the vault waits for its database:
it answers 503 and that the vault is starting.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from fastapi import FastAPI

from mediavault.auth.proxies import ProxyRules
from mediavault.core.failures import ErrorCode, StoreUnreachable
from mediavault.server import errors
from mediavault.server.errors import HttpRefusal
from mediavault.server.http_server import NO_PROXIES, serve_app
from mediavault.web.render import error_page

RETRY_AFTER_S = 5


class UnavailableApp:
    """Serves the vault's address from the first ``open`` until the block ends.
    Reveals nothing about the database.
    """

    def __init__(self, host: str, port: int, proxies: ProxyRules = NO_PROXIES) -> None:
        self._host, self._port, self._proxies = host, port, proxies
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def open(self, _: StoreUnreachable) -> None:
        """Answer from now on. Raises BadSetting when the address is in use."""
        if self._serving is None:
            started = asyncio.Event()
            serving = serve_app(
                create_app(),
                host=self._host,
                port=self._port,
                stop=self._stop,
                on_started=lambda _: started.set(),
                proxies=self._proxies,
            )
            self._serving = asyncio.create_task(serving, name="waiting-room")
            self._serving.add_done_callback(lambda _: started.set())
            await started.wait()
        if self._serving.done():
            self._serving.result()

    async def __aenter__(self) -> UnavailableApp:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._serving is not None:
            await asyncio.wait([self._serving])


def create_app() -> FastAPI:
    app = FastAPI(title="mediavault", docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(app, error_page)

    @app.api_route(
        "/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    )
    async def not_yet(path: str) -> None:  # noqa: ARG001 - every address
        raise HttpRefusal(
            503,
            ErrorCode.STORE_UNAVAILABLE,
            "Starting: waiting for the database.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )

    return app
