"""The child process with a fake yt-dlp instead of the real one: what it can do,
and what a malicious one cannot.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser.processes import is_alive
from mediavault.core.cookies import Cookie
from mediavault.core.failures import ExtractorBroken, TookTooLong, Unsupported
from mediavault.core.media import NoVideo, Post
from mediavault.core.platform import Platform
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction import ytdlp_extractor, ytdlp_process
from mediavault.extraction.ytdlp_extractor import YtdlpExtractor, url_for_ytdlp
from mediavault.extraction.ytdlp_formats import to_netscape_format
from mediavault.extraction.ytdlp_home import (
    YtdlpInstallation,
    bundled,
    home_of,
    installed,
    own_version,
    read_record,
    use,
)
from mediavault.extraction.ytdlp_process import YtdlpChild, ask, try_out
from mediavault.extraction.ytdlp_upgrade import upgrade
from mediavault.extraction.ytdlp_worker import PROGRAMS
from mediavault.platforms.generic import GENERIC
from mediavault.sandbox.door import watch
from tests.fakes import FakeClock
from tests.patience import patient

HEAD = """
import sys, types
version = types.SimpleNamespace(__version__="2099.01.02")
class YoutubeDL:
    def __init__(self, params): self.params = params
    def __enter__(self): return self
    def __exit__(self, *_): return None
    def sanitize_info(self, info): return info
    def extract_info(self, url, download):
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        yield listening


def library(folder: Path, body: str) -> YtdlpInstallation:
    """Write a fake yt-dlp whose ``extract_info(url)`` is ``body``."""
    package = folder / "library" / "yt_dlp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(HEAD + textwrap.indent(textwrap.dedent(body), " " * 8))
    return YtdlpInstallation(None, folder / "library")


async def answer(
    folder: Path,
    body: str,
    *,
    proxy: str = "http://127.0.0.1:9",
    wall_s: float = 60.0,
    **facts: Any,
) -> Any:
    installed = library(folder, body)
    (folder / "work").mkdir()
    request = {"url": "https://tube.example/1", "extractors": ["tube"], **facts}
    return await ask(
        request, proxy=proxy, folder=folder / "work", installed=installed, wall_s=patient(wall_s)
    )


def reporting(expression: str) -> str:
    """Return a body that answers with the text of ``expression``,
    or with the type of the error that it raises.
    """
    return f"""
    try:
        text = str(({expression}))
    except OSError as exc:
        text = type(exc).__name__
    return {{"title": text}}
    """


async def test_the_version_that_the_child_imports_is_reported(tmp_path: Path) -> None:
    assert (await answer(tmp_path, "pass"))["version"] == "2099.01.02"


async def test_only_the_fields_in_use_are_returned(tmp_path: Path) -> None:
    body = """
    one = {"url": "https://cdn/1.mp4", "cookies": "a=b; Domain=cdn; Path=/", "fragments": [{}],
           "http_headers": {"Referer": "r", "Cookie": "secret"}}
    return {"id": "1", "title": "A", "formats": [one], "subtitles": {"en": []}, "http_headers": {"Cookie": "secret"}}
    """  # noqa: E501
    info = (await answer(tmp_path, body))["info"]

    assert info == {
        "id": "1",
        "title": "A",
        "formats": [
            {
                "url": "https://cdn/1.mp4",
                "cookies": "a=b; Domain=cdn; Path=/",
                "http_headers": {"Referer": "r"},
            }
        ],
    }


async def test_the_languages_of_formats_are_returned(tmp_path: Path) -> None:
    body = """
    return {"id": "1", "formats": [{"url": "https://cdn/1.mp4", "language": "de", "language_preference": 10}]}
    """  # noqa: E501
    (one,) = (await answer(tmp_path, body))["info"]["formats"]

    assert (one["language"], one["language_preference"]) == ("de", 10)


async def test_chapters_and_the_texts_that_can_be_read_are_returned(tmp_path: Path) -> None:
    body = """
    texts = [{"ext": form, "url": "https://cdn/t." + form, "name": "English", "data": "x"} for form in ("vtt", "ttml", "json3")]
    return {"id": "1", "language": "de", "chapters": [{"start_time": 0, "end_time": 9, "title": "One"}, 7],
            "subtitles": {"en": texts, "live_chat": [{"ext": "json", "url": "https://cdn/chat"}]},
            "automatic_captions": {"de": texts, "fr": texts, "en-orig": texts}, "comments": None}
    """  # noqa: E501
    info = (await answer(tmp_path, body))["info"]
    texts = [
        {"ext": "vtt", "url": "https://cdn/t.vtt"},
        {"ext": "json3", "url": "https://cdn/t.json3"},
    ]

    assert info["chapters"] == [{"start_time": 0, "title": "One"}]
    assert info["subtitles"] == {"en": texts}
    assert info["automatic_captions"] == {"de": texts, "en-orig": texts}
    assert "comments" not in info


async def test_subtitles_and_comments_that_take_further_requests_are_only_asked_for_on_request(
    tmp_path: Path,
) -> None:
    names = ("writesubtitles", "writeautomaticsub", "getcomments", "extractor_args")
    body = f"""
    given = {{name: self.params.get(name) for name in {names}}}
    return {{"title": str(given), "comments": [{{"id": "1", "text": "Hi", "author": "Jane", "html": "x"}}]}}
    """  # noqa: E501
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    without = (await answer(tmp_path / "a", body))["info"]["title"]
    info = (await answer(tmp_path / "b", body, extras={"comments": 50}))["info"]

    assert without == str(dict.fromkeys(names))
    assert "'max_comments': ['50,all,50,10']" in info["title"]
    assert "'writesubtitles': True" in info["title"]
    assert (info["comments"][0]["text"], "html" in info["comments"][0]) == ("Hi", False)


async def test_errors_are_returned_with_their_causes(tmp_path: Path) -> None:
    body = """
    class ExtractorError(Exception): expected, cause, ie = True, None, "tube"
    class HTTPError(Exception):
        status, response = 429, types.SimpleNamespace(headers={"Retry-After": "30"})
    try:
        raise ExtractorError("slow down") from HTTPError("HTTP Error 429")
    except ExtractorError:
        self.trouble("ERROR: slow down")
    return None
    """
    response = await answer(tmp_path, body)
    (error,) = response["errors"]

    assert response["info"] is None
    assert (error["kind"], error["message"], error["expected"]) == (
        "ExtractorError",
        "slow down",
        True,
    )
    assert (error["http_status"], error["headers"], error["proxy"]) == (
        429,
        {"retry-after": "30"},
        None,
    )
    assert error["causes"] == [{"kind": "HTTPError", "message": "HTTP Error 429"}]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("skip_download", True),
        ("cachedir", False),
        ("proxy", "http://127.0.0.1:9"),
        ("enable_file_urls", False),
        ("allow_unplayable_formats", False),
        ("geo_bypass", False),
        ("remote_components", ()),
        ("allowed_extractors", ["tube"]),
        ("external_downloader", None),
        ("exec_cmd", None),
    ],
)
async def test_ytdlp_runs_without_the_dangerous_options(
    tmp_path: Path, option: str, value: object
) -> None:
    response = await answer(tmp_path, reporting(f"repr(self.params.get({option!r}))"))

    assert response["info"]["title"] == repr(value)


async def test_cookies_are_passed_as_a_copy_with_the_user_agent(tmp_path: Path) -> None:
    expression = "self.params['cookiefile'].read() + self.params['http_headers']['User-Agent']"
    response = await answer(
        tmp_path, reporting(expression), cookies="# Netscape\n", user_agent="Browser/1"
    )

    assert response["info"]["title"] == "# Netscape\nBrowser/1"


async def test_the_child_works_in_its_folder_and_sees_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "canary")
    monkeypatch.setenv("HTTPS_PROXY", "http://canary")
    expression = (
        "__import__('os').environ, __import__('os').getcwd(), __import__('tempfile').gettempdir()"
    )
    text = (await answer(tmp_path, reporting(expression)))["info"]["title"]

    assert "canary" not in text
    assert text.count(str(tmp_path / "work")) >= 4
    assert "'YTDLP_NO_PLUGINS': '1'" in text


# --- what a malicious one cannot do ---------------------------------------------------------------

CONNECT = "__import__('socket').create_connection(('127.0.0.1', {port}), 3)"
LEAVE = (
    "import sys; from mediavault.sandbox.guard import leave_network; sys.exit(not leave_network())"
)
# bypasses Python's own functions, as a library in C would
RAW = (
    "__import__('ctypes').CDLL(None).connect(__import__('socket').socket().fileno(), {address!r},"
    " 16)"
)


async def test_the_child_connects_only_to_the_proxy(
    tmp_path: Path, listener: socket.socket
) -> None:
    response = await answer(tmp_path, reporting(CONNECT.format(port=listener.getsockname()[1])))

    assert response["info"]["title"] == "PermissionError"
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_bypassing_pythons_own_functions_does_not_connect_either(
    tmp_path: Path, listener: socket.socket
) -> None:
    if subprocess.run([sys.executable, "-c", LEAVE], check=False).returncode:
        pytest.skip("this kernel gives no network namespaces")
    port = listener.getsockname()[1]
    address = (
        socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + b"\x7f\0\0\1" + bytes(8)
    )
    response = await answer(tmp_path, reporting(RAW.format(address=address)))

    assert response["info"]["title"] == "-1"
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_the_proxy_is_reachable_at_its_usual_address(
    tmp_path: Path, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    response = asyncio.create_task(
        answer(
            tmp_path,
            reporting(f"{CONNECT.format(port=port)}.recv(5)"),
            proxy=f"http://u:p@127.0.0.1:{port}",
        )
    )
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    with connection:
        connection.send(b"hello")

        assert (await response)["info"]["title"] == "b'hello'"


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('socket').getaddrinfo('tube.example', 80)",
        "__import__('subprocess').run(['ls'])",
        "__import__('os').system('true')",
        "__import__('os').execv('/bin/true', ['true'])",
    ],
)
async def test_the_child_resolves_no_name_and_starts_no_program(
    tmp_path: Path, expression: str
) -> None:
    assert (await answer(tmp_path, reporting(expression)))["info"]["title"] == "PermissionError"


def test_the_javascript_runtime_may_be_started() -> None:
    hook = watch(9, programs=PROGRAMS)

    hook("subprocess.Popen", ("/venv/bin/deno", ["deno"], None, None))
    hook("socket.connect", (None, ("127.0.0.1", 9)))
    with pytest.raises(PermissionError):
        hook("subprocess.Popen", ("/venv/bin/denox", ["deno"], None, None))
    with pytest.raises(PermissionError):
        hook("socket.connect", (None, "/run/docker.sock"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os._exit(3)", "code 3"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("raise ValueError('its own bug')", "code 1"),
        ("return {'title': 'x', 'id': float}", "code 1"),
        ("x = bytearray(8 << 30)", "code 1"),
        ("open('big', 'wb').write(b'x' * (65 << 20))", "code 1"),
    ],
)
async def test_a_child_that_crashes_is_a_failure_of_the_extractor(
    tmp_path: Path, body: str, reason: str
) -> None:
    with pytest.raises(ExtractorBroken, match=reason):
        await answer(tmp_path, body)


async def test_printed_text_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    response = await answer(tmp_path, "print('rubbish', flush=True)\nreturn {'title': 'x'}")

    assert response["info"]["title"] == "x"


async def test_an_oversized_answer_is_cut(tmp_path: Path) -> None:
    body = (
        "return {'title': 'x' * 10**6, '_type': 'playlist', 'entries': [{'formats': [{}] * 10**4}]"
        " * 10**4}"
    )
    info = (await answer(tmp_path, body))["info"]

    assert (len(info["title"]), len(info["entries"]), len(info["entries"][0]["formats"])) == (
        20_000,
        20,
        400,
    )


async def test_a_child_that_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(TookTooLong):
        await answer(tmp_path, "import time; time.sleep(600)", wall_s=1)


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
async def test_a_child_whose_parent_is_killed_dies_with_it(tmp_path: Path) -> None:
    installed = library(
        tmp_path, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    parent = f"""
import asyncio
from pathlib import Path
from mediavault.extraction.ytdlp_home import YtdlpInstallation
from mediavault.extraction.ytdlp_process import ask
asyncio.run(ask({{"url": "x", "extractors": []}}, proxy="http://127.0.0.1:9", folder=Path({str(tmp_path)!r}),
                installed=YtdlpInstallation(None, Path({str(installed.library)!r})), wall_s=600))
"""  # noqa: E501
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent)
    while not (text := _text(tmp_path / "pid")):
        await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    async with asyncio.timeout(patient(30)):
        while is_alive(int(text)):
            await asyncio.sleep(0.02)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def test_a_ytdlp_that_cannot_be_imported_has_no_version(tmp_path: Path) -> None:
    package = tmp_path / "library" / "yt_dlp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('a part is missing')")

    assert (
        await try_out(YtdlpInstallation(None, tmp_path / "library"), tmp_path, extractors=[])
        is None
    )


async def test_a_version_that_cannot_be_imported_is_given_up_at_once(tmp_path: Path) -> None:
    """Its former one answers the very same request."""
    home = home_of(tmp_path)
    for version, body in (
        ("2998.01.01", f"{HEAD}        return {{'title': 'A kite'}}"),
        ("2999.01.01", "raise ImportError"),
    ):

        async def install(_what: str, library: Path, text: str = body) -> None:
            (library / "yt_dlp").mkdir(parents=True)
            (library / "yt_dlp" / "__init__.py").write_text(text)

        async def examine(*_: object, found: str = version) -> str:
            return found

        await upgrade(home, FakeClock(), install=install, examine=examine)
    response = await response_of(tmp_path)

    assert response["info"]["title"] == "A kite"
    assert (own_version(home) or YtdlpInstallation(None, None)).version == "2998.01.01"
    assert read_record(home).refused == "2999.01.01"


async def test_the_bundled_version_answers_where_none_can_be_imported_and_there_is_no_former_one(
    tmp_path: Path,
) -> None:
    """Also a former version may break: by another Python, or a disk."""
    home = home_of(tmp_path)
    (home / "2999.01.01" / "yt_dlp").mkdir(parents=True)
    (home / "2999.01.01" / "yt_dlp" / "__init__.py").write_text("raise ImportError")
    use(home, "2999.01.01")
    response = await response_of(tmp_path)

    assert installed(home).version == "2999.01.01"
    assert plain(response["version"]) == plain(bundled().version)


def plain(version: str | None) -> list[int]:
    """Return a version as numbers: yt-dlp's own 2026.07.04 is its package's 2026.7.4."""
    return [int(part) for part in (version or "").split(".")]


async def response_of(state_dir: Path) -> dict[str, Any]:
    """Return the answer about a post from the yt-dlp of a state folder."""
    proxy = EgressProxy(EgressGuard())
    await proxy.start()
    try:
        child = YtdlpChild(proxy, FakeClock(), state_dir=state_dir)
        request = {"url": POST.url, "extractors": ["tube"]}
        return await child.ask(request, POST.scope, dict, cookies=(), wall_s=patient(60))
    finally:
        await proxy.close()


# --- the parent's side ----------------------------------------------------------------------------

POST = Post("https://mirror.example/1", "https://tube.example/1", "tube", post_id="1")


def test_the_platforms_own_url_is_extracted_and_for_other_sites_the_submitted_one() -> None:
    assert url_for_ytdlp(POST, Platform(name="tube", title="Tube")) == "https://tube.example/1"
    assert url_for_ytdlp(POST, Platform(name="generic", title="")) == "https://mirror.example/1"


async def test_a_platform_that_ytdlp_does_not_know_is_not_extracted(tmp_path: Path) -> None:
    extractor = YtdlpExtractor(EgressProxy(EgressGuard()), FakeClock(), state_dir=tmp_path)
    with pytest.raises(Unsupported):
        await extractor.extract(POST, Platform(name="threads", title="Threads"), within_s=5)

    assert list(tmp_path.iterdir()) == []


async def test_the_event_loop_keeps_running_while_an_answer_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_on = threading.Event()

    async def ask(*_: object, **__: object) -> dict[str, object]:
        asyncio.get_running_loop().call_soon(went_on.set)
        return {}

    def read_answer(*_: object, **__: object) -> None:
        raise NoVideo(
            "while the loop went on" if went_on.wait(patient(5)) else "while the loop waited"
        )

    monkeypatch.setattr(ytdlp_process, "ask", ask)
    monkeypatch.setattr(ytdlp_extractor, "read_answer", read_answer)
    proxy = EgressProxy(EgressGuard())
    await proxy.start()
    try:
        extractor = YtdlpExtractor(proxy, FakeClock(), state_dir=tmp_path)
        with pytest.raises(NoVideo, match="while the loop went on"):
            await extractor.extract(POST, GENERIC, within_s=5)
    finally:
        await proxy.close()


def test_cookies_are_written_with_their_scope() -> None:
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    text = to_netscape_format(
        [
            Cookie("sid", "1", "tube.example", secure=True, host_only=False, expires_at=ends),
            Cookie("lang", "en", "www.tube.example", path="/watch"),
            Cookie("bad", "1\tx", "tube.example"),
            Cookie("worse", "1\nevil.example\tTRUE\t/\tFALSE\t0\ta\tb", "tube.example"),
        ]
    )

    assert text.splitlines() == [
        "# Netscape HTTP Cookie File",
        f".tube.example\tTRUE\t/\tTRUE\t{int(ends.timestamp())}\tsid\t1",
        "www.tube.example\tFALSE\t/watch\tFALSE\t0\tlang\ten",
    ]
    assert to_netscape_format([]) == ""
