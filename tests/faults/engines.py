"""Where the chaos keeps its queue, and what may befall that place itself."""

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
    """``url`` is the workers' way to the store, ``own_url`` that of whoever looks; None: the house's own SQLite file."""

    url: str | None = None
    own_url: str | None = None
    misfortunes: Mapping[str, Misfortune] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Engine]:
    """Nothing befalls a file but what befalls the processes at it."""
    yield Engine()


@asynccontextmanager
async def postgresql(folder: Path) -> AsyncIterator[Engine]:
    """A server of its own that writes to the disk, and a proxy before it."""
    server = await asyncio.to_thread(postgres.new_server, settings=())
    try:
        async with proxied(server.url) as (proxy, url):
            yield Engine(url, server.url, {"restarts": restarts_of(server), **troubles_of(proxy)})
    finally:
        server.remove()


@asynccontextmanager
async def mongodb(folder: Path) -> AsyncIterator[Engine]:
    """A server of its own that writes to the disk, and a proxy before it."""
    server = await asyncio.to_thread(mongo.new_server)
    try:
        async with proxied(server.url) as (proxy, url):
            yield Engine(url, server.url, {"restarts": restarts_of(server), **troubles_of(proxy)})
    finally:
        server.remove()


def restarts_of(server: mongo.Server | postgres.Server) -> Misfortune:
    """It crashes, and comes back a little later."""

    async def restart(chance: random.Random) -> None:
        server.kill()
        await asyncio.sleep(chance.uniform(0, 1))
        await asyncio.to_thread(server.start)

    return restart


def troubles_of(proxy: TcpProxy) -> Mapping[str, Misfortune]:
    """What happens to connections. Whoever loses answers loses the connection soon, as with a dying router."""

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
