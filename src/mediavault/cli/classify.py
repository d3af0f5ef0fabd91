"""``classify``: what kind of page each URL names, without the network.
One answer for each of thousands of lines.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, TextIO

import typer

# of standard input; the rest of a longer line is dropped, and it does not count as a URL
MAX_LINE_CHARS = 65_536

_FROM_INPUT = "-"
_Answer = Mapping[str, Any]


def classify(
    urls: Annotated[
        list[str],
        typer.Argument(
            metavar="URL…", help="URLs; - reads lines from standard input.", show_default=False
        ),
    ],
    *,
    media: Annotated[
        bool, typer.Option("--media", help="The URLs name media files, not posts.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object per line on standard output, and nothing else."
        ),
    ] = False,
) -> None:
    """Say what URLs name: post, profile, playlist, live, story, redirect or unsupported.
    Needs no network.
    """
    ask = _media_answer if media else _page_answer
    answers = (ask(url) for url in _expanded(urls))
    if as_json:
        _print_lines(answers)
    else:
        _print_table(answers, _MEDIA_COLUMNS if media else _PAGE_COLUMNS)


def _page_answer(url: str) -> _Answer:
    from mediavault.platforms.classification import classify as classified

    return asdict(classified(url))


def _media_answer(url: str) -> _Answer:
    from mediavault.extraction.media_urls import media_facts
    from mediavault.platforms.registry import platform_of_media

    return asdict(media_facts(url, platform_of_media(url)))


# --- input ----------------------------------------------------------------------------------------


def _expanded(urls: Iterable[str]) -> Iterator[str]:
    for url in urls:
        if url == _FROM_INPUT:
            yield from _lines(typer.get_text_stream("stdin", encoding="utf-8", errors="replace"))
        else:
            yield _readable(url)


def _lines(stream: TextIO) -> Iterator[str]:
    """Yield lines without their line breaks, each in bounded memory."""
    while piece := stream.readline(MAX_LINE_CHARS):
        rest = piece
        while rest and not rest.endswith("\n") and len(rest) == MAX_LINE_CHARS:
            rest = stream.readline(MAX_LINE_CHARS)
        yield _readable(piece.rstrip("\r\n"))


def _readable(text: str) -> str:
    """Replace the surrogates that stand for bytes of an argument that are not UTF-8:
    JSON cannot hold them.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


# --- output ---------------------------------------------------------------------------------------


def _print_lines(answers: Iterable[_Answer]) -> None:
    as_ascii = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    _write(json.dumps(answer, ensure_ascii=as_ascii) for answer in answers)


_Columns = Mapping[str, Callable[[_Answer], object]]


def _expiry(answer: _Answer) -> str:
    from datetime import UTC, datetime

    from mediavault.cli.output import moment_words

    if answer["expires_at"] is None:
        return ""
    try:
        return moment_words(datetime.fromtimestamp(answer["expires_at"], UTC))
    except (ValueError, OverflowError, OSError):  # a year out of range
        return str(answer["expires_at"])


def _picture(answer: _Answer) -> str:
    return f"{answer['width']} × {answer['height']}" if answer["width"] and answer["height"] else ""


_PAGE_COLUMNS: _Columns = {
    "Kind": lambda answer: answer["kind"],
    "Platform": lambda answer: answer["platform"],
    "Account": lambda answer: answer["handle"],
    "Id": lambda answer: answer["post_id"],
    "Address": lambda answer: answer["canonical_url"] or answer["url"],
}
_MEDIA_COLUMNS: _Columns = {
    "Kind": lambda answer: answer["kind"],
    "Platform": lambda answer: answer["platform"],
    "Signed": lambda answer: "yes" if answer["signed"] else "",
    "Until": _expiry,
    "Watermark": lambda answer: answer["watermark"],
    "Picture": _picture,
    "Address": lambda answer: answer["url"],
}


def _print_table(answers: Iterable[_Answer], columns: _Columns) -> None:
    """Print plain columns: drawing a table of ten thousand rows would take longer than classifying
    them.
    """
    from mediavault.presentation.labels import one_line

    rows = [
        list(columns),
        *([one_line(str(cell(answer) or "")) for cell in columns.values()] for answer in answers),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    _write("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _write(lines: Iterable[str]) -> None:
    encoding = sys.stdout.encoding or "ascii"
    try:
        for line in lines:
            sys.stdout.write(f"{line}\n".encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has closed the pipe; Python's final flush must not report it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
