"""Heads and framing, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.services.egress.http1 import (
    CHUNKED,
    UNTIL_CLOSE,
    BadMessage,
    Framing,
    Head,
    answer_framing,
    chunk_size,
    end_to_end,
    parse_answer,
    parse_request,
    request_framing,
    write_head,
)


def request(*headers: str, line: str = "GET http://h.test/ HTTP/1.1") -> Head:
    return parse_request("\r\n".join([line, *headers, "", ""]).encode("latin-1"))


def answer(*headers: str, line: str = "HTTP/1.1 200 OK") -> Head:
    return parse_answer("\r\n".join([line, *headers, "", ""]).encode("latin-1"))


def test_a_head_is_read() -> None:
    head = request("Host: h.test", "X:  a b\t ", "x: c", "Empty:")

    assert head.start == ("GET", "http://h.test/")
    assert (head.get("host"), head.get("x"), head.get("empty"), head.get("absent")) == ("h.test", "a b, c", "", None)


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("HTTP/1.1 200 OK", ("200", "OK")),
        ("HTTP/1.0 404 Not Found", ("404", "Not Found")),
        ("HTTP/1.1 204", ("204", "")),
        ("HTTP/1.1 299 d'été", ("299", "d'été")),
    ],
)
def test_a_status_line_is_read(line: str, start: tuple[str, str]) -> None:
    assert answer(line=line).start == start


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/2.0",
        "GET /",
        "GET  / HTTP/1.1",
        "get / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "",
        "\x16\x03",
    ],
)
def test_a_request_line_of_another_form_is_bad(line: str) -> None:
    with pytest.raises(BadMessage):
        request(line=line)


@pytest.mark.parametrize("line", ["HTTP/1.1 20 OK", "HTTP/2 200", "HTTP/1.1 200\tOK", "ICY 200 OK", "HTTP/1.1 099 x"])
def test_a_status_line_of_another_form_is_bad(line: str) -> None:
    with pytest.raises(BadMessage):
        answer(line=line)


@pytest.mark.parametrize("header", [" folded", "No-Colon", "Space : x", "Nul: \x00", "Cr: a\rb", ": x", "Lf: a\nb: c"])
def test_a_header_of_another_form_is_bad(header: str) -> None:
    with pytest.raises(BadMessage):
        request("Host: h.test", header)


@pytest.mark.parametrize(
    ("headers", "method", "framing"),
    [
        ((), "GET", UNTIL_CLOSE),
        (("Content-Length: 5",), "GET", 5),
        (("Content-Length: 5", "Content-Length: 5"), "GET", 5),
        (("Transfer-Encoding: Chunked",), "GET", CHUNKED),
        (("Content-Length: 5",), "HEAD", 0),
    ],
)
def test_an_answers_length_is_read(headers: tuple[str, ...], method: str, framing: Framing) -> None:
    assert answer_framing(answer(*headers), method=method) == framing


@pytest.mark.parametrize("status", ["100", "204", "304"])
def test_an_answer_without_a_body_has_length_nought(status: str) -> None:
    assert answer_framing(answer("Content-Length: 9", line=f"HTTP/1.1 {status} x"), method="GET") == 0


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: -1",),
        ("Content-Length: +1",),
        ("Content-Length: 0x10",),
        ("Content-Length: ",),
        ("Content-Length: 9999999999999999",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: xchunked",),
    ],
)
def test_a_message_with_two_lengths_or_an_odd_one_is_bad(headers: tuple[str, ...]) -> None:
    with pytest.raises(BadMessage):
        answer_framing(answer(*headers), method="GET")
    with pytest.raises(BadMessage):
        request_framing(request(*headers))


def test_a_request_without_length_has_no_body() -> None:
    assert request_framing(request()) == 0


@pytest.mark.parametrize(("line", "size"), [(b"0\r\n", 0), (b"1aF\r\n", 431), (b"5;name=value\r\n", 5), (b"5 \r\n", 5)])
def test_a_chunks_size_is_read(line: bytes, size: int) -> None:
    assert chunk_size(line) == size


@pytest.mark.parametrize("line", [b"\r\n", b"-1\r\n", b"0x5\r\n", b"g\r\n", b"1_0\r\n", b"f" * 13 + b"\r\n"])
def test_a_chunks_size_of_another_form_is_bad(line: bytes) -> None:
    with pytest.raises(BadMessage):
        chunk_size(line)


def test_headers_of_the_connection_stay_behind() -> None:
    head = request(
        *(
            "Proxy-Authorization: Basic x",
            "Proxy-Connection: keep-alive",
            "Keep-Alive: 5",
            "Upgrade: websocket",
            "TE: x",
        ),
        *("Connection: close, X-Named", "X-Named: 1", "X-Kept: 1"),
    )

    assert end_to_end(head) == [("X-Kept", "1")]


def test_a_length_cannot_be_named_away() -> None:
    """Else the two ends would disagree about where the message stops."""
    head = answer("Connection: content-length", "Content-Length: 5")

    assert end_to_end(head) == [("Content-Length", "5")]


@given(st.lists(st.tuples(st.from_regex(r"\A[A-Za-z-]{1,9}\Z"), st.text("abc \xe9;=", max_size=9).map(str.strip))))
def test_what_is_written_is_read_as_the_same(headers: list[tuple[str, str]]) -> None:
    assert parse_request(write_head("GET /x HTTP/1.1", headers)).headers == tuple(headers)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_head_or_bad_and_nothing_else(raw: bytes) -> None:
    for parse in (parse_request, parse_answer):
        try:
            head = parse(raw)
        except BadMessage:
            continue

        assert head.start[0]
