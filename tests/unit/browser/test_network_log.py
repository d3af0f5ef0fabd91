"""What is recorded of a visit's traffic."""

from __future__ import annotations

import re

from mediavault.browser.network_log import MAX_RESPONSES, NetworkLog, whole_size


def log(json_paths: str | None = None) -> NetworkLog:
    return NetworkLog(lambda: 2.0, re.compile(json_paths) if json_paths else None)


def saw(
    network: NetworkLog,
    url: str = "https://a.test/x",
    kind: str = "fetch",
    status: int = 200,
    main: bool = False,
    **headers: str,
) -> None:
    network.add_response(
        url=url,
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        resource_type=kind,
        frame_url="https://a.test/",
        request_headers={
            "Referer": "https://a.test/",
            "Cookie": "secret",
            "Authorization": "secret",
        },
        main=main,
    )


def test_secrets_are_never_recorded() -> None:
    network = log()
    saw(network, set_cookie="secret", content_type="text/plain")

    (seen,) = network.responses()
    assert "secret" not in str(seen)
    assert seen.request_headers == {"referer": "https://a.test/"}


def test_pictures_and_scripts_are_passed_over_but_never_a_video() -> None:
    network = log()
    saw(network, kind="image", content_type="image/png")
    saw(network, kind="script", content_type="text/javascript")
    saw(network, url="https://a.test/v.mp4", kind="image", content_type="video/mp4")

    assert [seen.url for seen in network.responses()] == ["https://a.test/v.mp4"]


def test_bodies_are_matched_to_their_responses_by_address_and_order() -> None:
    network = log()
    for _ in range(2):
        saw(network, content_type="application/json")
    network.body("https://a.test/x", b"1")
    network.body("https://a.test/x", b"2")

    assert [seen.body for seen in network.responses()] == [b"1", b"2"]


def test_a_segment_is_not_worth_waiting_for_but_a_playlist_is() -> None:
    network = log()
    saw(network, url="https://a.test/seg1.ts", content_type="video/mp2t")
    only_segments = network.video_named
    saw(
        network,
        url="https://a.test/list",
        content_type="application/vnd.apple.mpegurl; charset=utf-8",
    )

    assert not only_segments
    assert network.video_named


def test_a_manifest_is_recognised_by_its_body_whatever_its_name_and_type_say() -> None:
    network = log()
    saw(network, url="https://a.test/api/7", content_type="text/plain")
    network.body("https://a.test/api/7", b"#EXTM3U\n")

    assert network.video_named
    assert network.last_news_s == 2.0


def test_a_further_part_of_the_same_file_does_not_count_as_news() -> None:
    now = iter([1.0] * 4 + [9.0] * 4)
    network = NetworkLog(lambda: next(now))
    saw(network, url="https://a.test/v.mp4", kind="media", status=206, content_type="video/mp4")
    first = network.last_news_s
    saw(network, url="https://a.test/v.mp4", kind="media", status=206, content_type="video/mp4")

    assert first == network.last_news_s == 1.0


def test_the_pages_own_document_is_the_last_that_was_not_a_redirect() -> None:
    network = log()
    saw(network, url="https://a.test/1", kind="document", status=302, main=True)
    saw(network, url="https://a.test/2", kind="document", status=200, main=True)
    saw(network, url="https://a.test/frame", kind="document", status=404)

    assert network.main_document is not None
    assert network.main_document.url == "https://a.test/2"


def test_page_data_is_recognised_by_the_platforms_paths() -> None:
    network = log(r"/graphql/\w+/Post\b")
    network.body("https://a.test/graphql/abc/Other", b"{}")
    before = network.page_data_seen
    network.body("https://a.test/graphql/abc/Post?x=1", b"{}")

    assert not before
    assert network.page_data_seen


def test_a_page_cannot_fill_our_memory_with_requests() -> None:
    network = log()
    for _ in range(MAX_RESPONSES + 10):
        saw(network, content_type="text/plain")

    assert len(network.responses()) == MAX_RESPONSES


def test_the_whole_files_size_comes_from_the_range_or_an_uncompressed_length() -> None:
    assert whole_size(206, {"content-range": "bytes 0-9/1234", "content-length": "10"}) == 1234
    assert whole_size(206, {"content-range": "bytes 0-9/*"}) is None
    assert whole_size(200, {"content-length": "77"}) == 77
    assert whole_size(200, {"content-length": "77", "content-encoding": "gzip"}) is None
    assert whole_size(403, {"content-length": "77"}) is None


def test_a_size_of_more_digits_than_any_file_has_is_ignored() -> None:
    assert whole_size(206, {"content-range": "bytes 0-9/" + "9" * 18}) == 10**18 - 1
    assert whole_size(206, {"content-range": "bytes 0-9/" + "9" * 19}) is None
    assert whole_size(206, {"content-range": "bytes 0-9/" + "9" * 5_000}) is None
    assert whole_size(200, {"content-length": "9" * 5_000}) is None
