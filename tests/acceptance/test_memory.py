"""Memory stays flat: two gigabytes pass through a process that never holds more than a few
megabytes of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
from pathlib import Path

import pytest

TOTAL = 2 << 30
MAX_RSS = 150 << 20

SERVER = """
    import asyncio, sys
    TOTAL, BLOCK = int(sys.argv[1]), b"\\0" * (1 << 20)

    async def handle(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % TOTAL)
        writer.write(b"\\0\\0\\0\\x18ftypisom" + BLOCK[12:])
        for _ in range(TOTAL // len(BLOCK) - 1):
            writer.write(BLOCK)
            await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(main())
"""  # noqa: E501
CLIENT = """
    import asyncio, json, resource, sys, time
    from pathlib import Path
    from mediavault.core.clock import SystemClock
    from mediavault.core.media import SourceType
    from mediavault.core.urls import EgressScope
    from mediavault.download.fetcher import MediaFetcher
    from mediavault.download.port import DownloadLimits, MediaRequest
    from mediavault.egress.client import AiohttpClient
    from mediavault.egress.guard import EgressGuard
    from mediavault.media.remux import Joiner
    from mediavault.sandbox.standing import ChildPool

    def peak_rss():  # of this program: ru_maxrss would begin with what its parent had
        line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        return int(line.split()[1]) << 10

    async def main():
        port, into = sys.argv[1], Path(sys.argv[2])
        client = AiohttpClient(EgressGuard((f"127.0.0.1:{port}",)))
        url = f"http://127.0.0.1:{port}/v.mp4"
        request, limits = MediaRequest(url, SourceType.DIRECT, EgressScope(url)), DownloadLimits(max_bytes=1 << 40, reserve_bytes=0)
        before, began = peak_rss(), time.monotonic()
        clock = SystemClock()
        fetcher = MediaFetcher(client, clock, Joiner(ChildPool("", clock, size=1)), manifests=None)  # it reads none
        file = await fetcher.fetch(request, into=into, limits=limits, on_progress=lambda *_: None)
        used = resource.getrusage(resource.RUSAGE_SELF)
        await client.close()
        print(json.dumps({"bytes": file.bytes, "rss": peak_rss(), "before": before,
                          "user_s": used.ru_utime, "sys_s": used.ru_stime, "wall_s": time.monotonic() - began}))

    asyncio.run(main())
"""  # noqa: E501


async def _start(source: str, *arguments: str) -> asyncio.subprocess.Process:
    program = textwrap.dedent(source)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.slow
async def test_two_gigabytes_are_saved_in_less_than_150_mb_of_memory(tmp_path: Path) -> None:
    server = await _start(SERVER, str(TOTAL))
    assert server.stdout is not None
    try:
        port = (await server.stdout.readline()).decode().strip()
        client = await _start(CLIENT, port, str(tmp_path))
        out, _ = await client.communicate()
    finally:
        server.kill()
        await server.communicate()
    measured = json.loads(out)
    print(measured)

    assert measured["bytes"] == TOTAL
    assert measured["rss"] < MAX_RSS
    (tmp_path / "media.mp4").unlink()
