"""Asks Jellyfin, Emby or Plex to scan its libraries, once after a batch of saved videos.

When a video is saved, the moment of the call is put off to a minute later (``records.py``). The
worker that takes it then makes the call; if that fails, it is made again later. No job waits for
it.

The server is often in the home network, which is open to these calls (``app/clients.py``). So its
address and token are settings of the environment: no user of the pages can make the vault reach
another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mediavault.core.clock import Clock
from mediavault.core.failures import MediavaultError, StoreError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import MediaServer
from mediavault.core.urls import EgressScope
from mediavault.egress.port import PostingClient, Timeouts
from mediavault.features.media_servers.records import note_outcome, note_saved, take_due
from mediavault.store.port import Records

ROUND_S = 15.0
LIMITS = Timeouts(connect_s=5.0, read_s=20.0, total_s=30.0)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerApi:
    """How one kind of media server is asked: the paths of two requests, and the header with the
    token.

    ``value`` is the header's, with ``%s`` for the token.
    """

    refresh: str
    info: str
    header: str
    value: str = "%s"
    is_posted: bool = True  # the refresh


# plexapi/library.py, Library.update; Jellyfin and Emby, LibraryController.RefreshLibrary and
# SystemController
_APIS: Mapping[MediaServer, ServerApi] = {
    MediaServer.JELLYFIN: ServerApi(
        "/Library/Refresh", "/System/Info", "Authorization", 'MediaBrowser Token="%s"'
    ),
    MediaServer.EMBY: ServerApi("/Library/Refresh", "/System/Info", "X-Emby-Token"),
    MediaServer.PLEX: ServerApi(
        "/library/sections/all/refresh", "/library/sections", "X-Plex-Token", is_posted=False
    ),
}


class MediaServerConnection:
    """Requests to the media server of the settings. Both return what went wrong,
    None when nothing did.
    """

    def __init__(self, kind: MediaServer, url: str, token: str, client: PostingClient) -> None:
        self._api, self._url, self._client = _APIS[kind], url.rstrip("/"), client
        self._headers = {self._api.header: self._api.value % token}

    async def refresh(self) -> str | None:
        """Ask the server to scan all of its libraries."""
        return await self._send(self._api.refresh, is_posted=self._api.is_posted)

    async def check(self) -> str | None:
        """Ask the server something that changes nothing."""
        return await self._send(self._api.info, is_posted=False)

    async def _send(self, path: str, *, is_posted: bool) -> str | None:
        url, scope, headers = self._url + path, EgressScope(self._url), self._headers
        if is_posted:
            sending = self._client.post(url, {}, scope=scope, headers=headers, timeouts=LIMITS)
        else:
            sending = self._client.get(
                url, scope=scope, headers=headers, timeouts=LIMITS, max_redirects=0
            )
        try:
            async with sending as response:
                status = response.status
        except MediavaultError as exc:
            return exc.message
        if status in (401, 403):
            return Message("The server refuses the token (HTTP %(status)d).", status=status)
        return (
            None
            if 200 <= status < 300
            else Message("The server answered with HTTP %(status)d.", status=status)
        )


class MediaServerRefresh:
    """Calls the media server once after a batch of saved videos."""

    def __init__(self, connection: MediaServerConnection, records: Records, clock: Clock) -> None:
        self._connection = connection
        self._records = records
        self._clock = clock

    async def saved(self) -> None:
        """Plan a call, because a video was saved. An unavailable store is logged:
        the job has nothing to do with it.
        """
        try:
            await note_saved(self._records, self._clock)
        except StoreError as exc:
            log.warning("media_server_call_not_recorded", error=exc.message)

    async def call_if_due(self) -> None:
        """Make the call if its moment has come and no other worker makes it. Raises StoreError."""
        taken = await take_due(self._records, self._clock)
        if taken is None:
            return
        error = await self._connection.refresh()
        if error is None:
            log.info("media_server_refreshed")
        else:
            log.warning("media_server_refresh_failed", error=error, tries=taken.tries)
        await note_outcome(self._records, self._clock, taken, error)
