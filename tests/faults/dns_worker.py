"""A worker on a machine whose only name server is a stub; it runs in its own network namespace.

``python -m tests.faults.dns_worker STORE_URL STATE DOWNLOADS`` works until SIGTERM. The system's
resolver, the egress guard, the HTTP client and the downloader are the real ones. The behaviour of
the name server is in the file ``STATE/dns``, one of the words of ``MODES``, and is read again for
every query; the site listens on IPv4 and IPv6.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mediavault.app.storage import store_at
from mediavault.core.clock import SystemClock
from mediavault.core.logs import configure_logs
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.download.fetcher import MediaFetcher
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.worker.context import RetryPolicy
from mediavault.worker.worker import Worker, WorkerLimits
from tests.fault_server import FaultServer, serve
from tests.faults.worker_process import media_of
from tests.stubs import IN_PROCESS, UNSTARTED, StubExtractor, candidate, extraction, make_context

HOST = "videos.test"
POST = f"http://{HOST}/post"
MODES = ("answers", "nxdomain", "servfail", "silent", "flapping", "ipv6", "ipv6 without a route")
FLAPPING_S = 0.7  # the name exists for this long, then is gone for this long
A, AAAA = 1, 28
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
NOWHERE = "2606:4700::1111"  # a public address without a route to it


class NameServer(asyncio.DatagramProtocol):
    """Answers queries for one name, with the little of RFC 1035 that this needs."""

    def __init__(self, mode: Path) -> None:
        self._mode = mode

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data, self._mode.read_text())
        if answer is not None:
            self._transport.sendto(answer, addr)  # type: ignore[attr-defined]

    def _answer(self, query: bytes, mode: str) -> bytes | None:
        if mode == "silent":
            return None
        if mode == "flapping":
            mode = "answers" if time.monotonic() % (2 * FLAPPING_S) > FLAPPING_S else "nxdomain"
        code = {"nxdomain": NO_SUCH_NAME, "servfail": SERVER_FAILURE}.get(mode, NO_ERROR)
        end = query.index(0, 12) + 5  # the name's last byte, its type and its class
        kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
        address = _address(kind, mode) if code == NO_ERROR else None
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, int(address is not None), 0, 0)
        record = (
            b""
            if address is None
            else b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(address)) + address
        )
        return head + query[12:end] + record


def _address(kind: int, mode: str) -> bytes | None:
    if kind == A and mode == "answers":
        return socket.inet_aton("127.0.0.1")
    if kind == AAAA and mode.startswith("ipv6"):
        return socket.inet_pton(socket.AF_INET6, "::1" if mode == "ipv6" else NOWHERE)
    return None


class SiteOfThatName(StubExtractor):
    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        return extraction(candidate(f"http://{HOST}/media.mp4"), post=post)


async def main(store_url: str, state: Path, downloads: Path) -> None:
    configure_logs("info")
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(
        lambda: NameServer(state / "dns"), local_addr=("127.0.0.1", 53)
    )
    site = FaultServer()
    site.on("/media.mp4", serve(media_of(POST)))
    servers = [await asyncio.start_server(site.handle, host, 80) for host in ("127.0.0.1", "::1")]
    clock, guard = SystemClock(), EgressGuard((f"{HOST}:80",))
    client = AiohttpClient(guard, clock=clock)
    store = store_at(store_url, clock)
    await store.open()
    context = make_context(store, clock, downloads, extractor=SiteOfThatName())
    context = replace(
        context,
        client=client,
        downloader=MediaFetcher(client, clock, UNSTARTED, IN_PROCESS),
        retry=RetryPolicy(base=timedelta(milliseconds=100), jitter=lambda: 0.5),
    )
    limits = WorkerLimits(
        concurrency=2,
        poll_interval_s=0.1,
        heartbeat_interval_s=1.0,
        lease=timedelta(seconds=30),
        shutdown_grace_s=1.0,
    )
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await Worker(context, limits, live_folder=state / "workers").run(stop)
    await client.close()
    guard.close()
    for server in servers:
        server.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
