"""pip and uv refuse a file of yt-dlp that is not the one that the index states:
with a package index on loopback.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from mediavault.core.failures import ToolMissing
from mediavault.core.installation import find_uv
from mediavault.extraction.ytdlp_upgrade import install_newest

NAME = "yt_dlp-2099.1.1-py3-none-any.whl"
TOOLS = [
    pytest.param(name, marks=pytest.mark.skipif(not there, reason=f"{name} is not installed"))
    for name, there in (
        ("pip", importlib.util.find_spec("pip") is not None),
        ("uv", find_uv() is not None),
    )
]


def wheel(module: str) -> bytes:
    """Return a built package with one module of this text."""
    info = "yt_dlp-2099.1.1.dist-info"
    files = {
        "yt_dlp/__init__.py": module,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: yt-dlp\nVersion: 2099.1.1\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Index:
    """A package index that states the hash of a file, or none;
    ``sent`` is sent instead of the file, if it is set.
    """

    file: bytes
    sent: bytes | None = None
    address: str = ""
    has_hashes: bool = True

    async def page(self, _: web.Request) -> web.Response:
        fragment = f"#sha256={hashlib.sha256(self.file).hexdigest()}" if self.has_hashes else ""
        link = f'<a href="/files/{NAME}{fragment}">{NAME}</a>'
        return web.Response(
            text=f"<!doctype html>{link}",
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )

    async def download(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self.sent or self.file,
            content_type="application/zip",
            headers={"Cache-Control": "no-store"},
        )


@pytest.fixture
async def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Index]:
    built = Index(wheel("HONEST = True\n"))
    app = web.Application()
    app.router.add_get("/simple/yt-dlp/", built.page)
    app.router.add_get("/files/{name}", built.download)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/simple"
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield built
    await runner.cleanup()


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The installer that is used."""
    if request.param == "uv":
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "pip" else find_spec(name)
        )
    return str(request.param)


async def test_the_file_that_the_index_states_is_installed(
    tool: str, index: Index, tmp_path: Path
) -> None:
    await install_newest("yt-dlp", tmp_path / "library")

    assert (tmp_path / "library/yt_dlp/__init__.py").read_text() == "HONEST = True\n"


async def test_another_file_than_the_index_states_is_refused_for_its_hash(
    tool: str, index: Index, tmp_path: Path
) -> None:
    index.sent = wheel("HONEST = False\n")

    with pytest.raises(ToolMissing, match=r"(?i)hash"):
        await install_newest("yt-dlp", tmp_path / "library")
    assert not (tmp_path / "library/yt_dlp").exists()


async def test_nothing_but_the_hash_of_the_index_refuses_another_file(
    tool: str, index: Index, tmp_path: Path
) -> None:
    """So that the test before this one says what it seems to say.
    The vault cannot refuse an index without hashes.
    """
    index.has_hashes = False
    index.sent = wheel("HONEST = False\n")
    await install_newest("yt-dlp", tmp_path / "library")

    assert (tmp_path / "library/yt_dlp/__init__.py").read_text() == "HONEST = False\n"
