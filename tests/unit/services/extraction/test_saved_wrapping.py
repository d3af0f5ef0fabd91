"""Pages and answers that were saved another way: what is inside is read as if it had been saved plainly."""

from __future__ import annotations

import base64
import json
import quopri
from html import escape

import pytest

from mediavault.services.extraction.saved_wrapping import unwrapped
from tests.unit.services.extraction.samples import X_ID, tweet, x_answer, x_video
from tests.unit.services.extraction.saved_reading import told

URL = f"https://x.com/jane/status/{X_ID}"
ANSWER = json.dumps(x_answer(tweet(x_video())))
PAGE = f'<html>\n<body>\n<script type="application/json">{ANSWER}</script>\n</body>\n</html>'
JSON_VIEW = '<html><head><meta name="color-scheme" content="light dark"></head><body><pre style="word-wrap: break-word">{}</pre></body></html>'


def archive(encoding: str, content: str) -> str:
    parts = (
        f"Content-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\nContent-Location: {URL}\r\n\r\n{content}"
    )
    head = f'From: <Saved by Blink>\r\nSnapshot-Content-Location: {URL}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="--abc"\r\n\r\n\r\n'
    return f"{head}----abc\r\n{parts}\r\n----abc\r\nContent-Type: image/png\r\n\r\nx\r\n----abc--\r\n"


def source_view(text: str) -> str:
    rows = "".join(
        f'<tr><td class="line-number"></td><td class="line-content"><span>{escape(x)}</span></td></tr>'
        for x in text.split("\n")
    )
    return f"<html><body><table><tbody>{rows}</tbody></table></body></html>"


@pytest.mark.parametrize(
    "document",
    [
        archive("quoted-printable", quopri.encodestring(PAGE.encode()).decode()),
        archive("base64", base64.encodebytes(PAGE.encode()).decode()),
        archive("8bit", PAGE),
        source_view(PAGE),
        source_view(ANSWER),
        JSON_VIEW.format(escape(ANSWER, quote=False)),
        escape(ANSWER),
        json.dumps(ANSWER),
        json.dumps(PAGE),
    ],
)
def test_what_is_wrapped_is_read_as_if_it_were_not(document: str) -> None:
    assert "1280x720" in (told(URL, document).best or "")


@pytest.mark.parametrize(
    "text",
    [
        PAGE,
        ANSWER,
        "",
        '"',
        '"{',
        "<html><body><p>x</p><pre>{a}</pre></body></html>",
        JSON_VIEW.format("words"),
        "Content-Type: multipart/related\n\nwords",
        archive("base64", "=====")[:300],
    ],
)
def test_what_is_not_wrapped_stays_as_it_is(text: str) -> None:
    assert unwrapped(text) == text


@pytest.mark.parametrize("piece", ['<td class="line-content">', "a: b\n", '"{', "{&quot;", "<pre>", "--", "\n\n"])
def test_no_text_makes_it_slow(piece: str) -> None:
    unwrapped(piece * (1_000_000 // len(piece)))  # a quadratic reading would never end
