"""Asks Jellyfin, Emby or Plex to look through its libraries, once after a batch of saved videos.

When a video is saved, the moment of the call is put off to a minute later (``store/server_calls.py``). The worker that
takes it then makes the call; if that fails, it is made again later. No job waits for it.

The server is often in the home network, which is open to these calls (``clients.py``). So its address and token are settings
of the environment: no user of the pages can make the vault reach another machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mediavault.app.clients import client_for
from mediavault.core.clock import Clock
from mediavault.core.failures import BadSetting, MediavaultError, StoreError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import MediaServer, Settings, variable
from mediavault.core.urls import EgressScope
from mediavault.egress.client import AiohttpClient
from mediavault.egress.port import Timeouts
from mediavault.store import server_calls
from mediavault.store.port import Records

ROUND_S = 15.0
LIMITS = Timeouts(connect_s=5.0, read_s=20.0, total_s=30.0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerCall:
    """A request to a media server."""

    method: str
    path: str


# plexapi/library.py, Library.update; Jellyfin and Emby, LibraryController.RefreshLibrary and SystemController
_REFRESHES: Mapping[MediaServer, ServerCall] = {
    MediaServer.JELLYFIN: ServerCall("POST", "/Library/Refresh"),
    MediaServer.EMBY: ServerCall("POST", "/Library/Refresh"),
    MediaServer.PLEX: ServerCall("GET", "/library/sections/all/refresh"),
}
_LOOKS: Mapping[MediaServer, ServerCall] = {
    MediaServer.JELLYFIN: ServerCall("GET", "/System/Info"),
    MediaServer.EMBY: ServerCall("GET", "/System/Info"),
    MediaServer.PLEX: ServerCall("GET", "/library/sections"),
}


class MediaServerConnection:
    """Requests to the media server of the settings. Both return what went wrong, None when nothing did."""

    def __init__(self, kind: MediaServer, url: str, token: str, client: AiohttpClient) -> None:
        self._kind, self._url, self._token, self._client = kind, url.rstrip("/"), token, client

    async def refresh(self) -> str | None:
        """Ask the server to look through all of its libraries."""
        return await self._send(_REFRESHES[self._kind])

    async def look(self) -> str | None:
        """Ask the server something that changes nothing."""
        return await self._send(_LOOKS[self._kind])

    async def _send(self, call: ServerCall) -> str | None:
        url, headers = self._url + call.path, self._headers()
        if call.method == "POST":
            sending = self._client.post(url, {}, scope=EgressScope(self._url), headers=headers, timeouts=LIMITS)
        else:
            sending = self._client.get(
                url, scope=EgressScope(self._url), headers=headers, timeouts=LIMITS, max_redirects=0
            )
        try:
            async with sending as response:
                status = response.status
        except MediavaultError as exc:
            return exc.message
        if status in (401, 403):
            return Message("The server refuses the token (HTTP %(status)d).", status=status)
        return None if 200 <= status < 300 else Message("The server answered with HTTP %(status)d.", status=status)

    def _headers(self) -> dict[str, str]:
        match self._kind:
            case MediaServer.JELLYFIN:
                return {"Authorization": f'MediaBrowser Token="{self._token}"'}
            case MediaServer.EMBY:
                return {"X-Emby-Token": self._token}
            case MediaServer.PLEX:
                return {"X-Plex-Token": self._token}


@asynccontextmanager
async def open_media_server(settings: Settings) -> AsyncIterator[MediaServerConnection | None]:
    """Provide the connection to the media server; None without one. Raises BadSetting when a part of it is missing."""
    kind, url, token = settings.media_server, settings.media_server_url, settings.media_server_token
    if not kind and not url and not token:
        yield None
        return
    if not kind or not url or not token:
        parts = {"media_server": kind, "media_server_url": url, "media_server_token": token}
        missing = ", ".join(variable(name) for name, value in parts.items() if not value)
        raise BadSetting(Message("The media server's settings are incomplete: set %(missing)s too.", missing=missing))
    async with client_for(url, settings) as client:
        yield MediaServerConnection(kind, url, token.get_secret_value(), client)


class MediaServerRefresh:
    """Calls the media server once after a batch of saved videos."""

    def __init__(self, connection: MediaServerConnection, records: Records, clock: Clock) -> None:
        self._connection = connection
        self._records = records
        self._clock = clock

    async def saved(self) -> None:
        """Note that a video was saved. An unavailable store is logged: the job has nothing to do with it."""
        try:
            await server_calls.note_saved(self._records, self._clock)
        except StoreError as exc:
            log.warning("media_server_not_noted", error=exc.message)

    async def tell_if_due(self) -> None:
        """Make the call if its moment has come and no other worker makes it. Raises StoreError."""
        taken = await server_calls.take_due(self._records, self._clock)
        if taken is None:
            return
        error = await self._connection.refresh()
        if error is None:
            log.info("media_server_told")
        else:
            log.warning("media_server_not_told", error=error, tries=taken.tries)
        await server_calls.note_outcome(self._records, self._clock, taken, error)
