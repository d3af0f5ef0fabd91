"""The stores that the chaos test can use for its queue, and the faults of each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import mongo, postgres
from tests.servers.tcp_proxy import TcpProxy, proxied

Misfortune = Callable[[random.Random], Awaitable[None]]


@dataclass(slots=True)
class Engine:
    """``url`` is the workers' address of the store, ``own_url`` that of the test; None:
    the vault's SQLite file.
    """

    url: str | None = None
    own_url: str | None = None
    misfortunes: Mapping[str, Misfortune] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Engine]:
    """There are no faults of a file itself, only of the processes that use it."""
    yield Engine()


@asynccontextmanager
async def postgresql(folder: Path) -> AsyncIterator[Engine]:
    """A dedicated server that writes to the disk, and a proxy in front of it."""
    server = await asyncio.to_thread(postgres.new_server, settings=())
    try:
        async with proxied(server.url) as (proxy, url):
            yield Engine(url, server.url, {"restarts": restarts_of(server), **troubles_of(proxy)})
    finally:
        server.remove()


@asynccontextmanager
async def mongodb(folder: Path) -> AsyncIterator[Engine]:
    """A dedicated server that writes to the disk, and a proxy in front of it."""
    server = await asyncio.to_thread(mongo.new_server)
    try:
        async with proxied(server.url) as (proxy, url):
            yield Engine(url, server.url, {"restarts": restarts_of(server), **troubles_of(proxy)})
    finally:
        server.remove()


def restarts_of(server: mongo.Server | postgres.Server) -> Misfortune:
    """The server crashes, and comes back a little later."""

    async def restart(chance: random.Random) -> None:
        server.kill()
        await asyncio.sleep(chance.uniform(0, 1))
        await asyncio.to_thread(server.start)

    return restart


def troubles_of(proxy: TcpProxy) -> Mapping[str, Misfortune]:
    """Faults of connections. A connection that loses answers is cut soon,
    as with a failing router.
    """

    async def cut(chance: random.Random) -> None:
        proxy.cut()

    async def lose_answers(chance: random.Random) -> None:
        proxy.losing_answers = True
        await asyncio.sleep(chance.uniform(0.02, 0.3))
        proxy.cut()
        proxy.losing_answers = False

    async def refuse(chance: random.Random) -> None:
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        proxy.refusing = False

    return {"cuts": cut, "answers_lost": lose_answers, "refusals": refuse}


ENGINES: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Engine]]] = {
    "mongodb": mongodb,
    "postgres": postgresql,
    "sqlite": sqlite,
}
