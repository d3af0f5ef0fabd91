"""Sites from other packages: found by their entry points, and never able to stop the vault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mediavault.app.doctor.programs import site_packages
from mediavault.app.doctor.runner import Context
from mediavault.app.reading_child import answer
from mediavault.core.media import Post
from mediavault.core.platform import AddressKind
from mediavault.core.settings import Settings
from mediavault.core.typed_records import to_json
from mediavault.core.urls import parse_http_url
from mediavault.platforms import registry
from mediavault.platforms.testing import UrlCase, check_urls, read_document
from tests.outside_site import guide_blocks, install

URL = "https://films.example/posts/kite"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path for packages; the registry is reloaded before and after."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.reload()
    yield tmp_path
    monkeypatch.undo()
    sys.modules.pop("mediavault_films", None)
    registry.reload()


def test_a_package_brings_a_site_that_is_found_by_its_urls(folder: Path) -> None:
    install(folder, guide_blocks()[0])
    registry.reload()

    post, site = registry.identify(parse_http_url(f"{URL}/?from=feed"))
    assert (site.name, post.post_id, post.canonical_url) == ("films", "kite", URL)
    assert "films" in {known.name for known in registry.all_platforms()}
    assert registry.broken_packages() == ()


def test_the_guides_example_passes_its_own_tests(folder: Path) -> None:
    source, test, *_ = guide_blocks()
    install(folder, source)
    namespace: dict[str, object] = {}
    exec(test, namespace)

    for check in (value for name, value in namespace.items() if name.startswith("test_")):
        assert callable(check)
        check()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("raise SystemExit", "SystemExit"),
        ("FILMS = 1", "TypeError: it is a int, not a Platform"),
        (
            "from mediavault.platforms.x import X as FILMS",
            "ValueError: there is already a platform x",
        ),
        (
            (
                "from dataclasses import replace\nfrom mediavault.platforms.vimeo import VIMEO\n"
                "FILMS = replace(VIMEO, name='films')"
            ),
            "ValueError: another platform has the host i.vimeocdn.com",
        ),
    ],
)
def test_a_broken_package_is_left_out_and_named(folder: Path, source: str, reason: str) -> None:
    install(folder, source)
    registry.reload()

    (broken,) = registry.broken_packages()
    assert (broken.entry_point, broken.reason.strip(": ")) == (
        "films = mediavault_films:FILMS",
        reason,
    )
    assert registry.platform("x").title == "X"
    (check,) = site_packages(Context(Settings()))
    assert (check.verdict, reason in check.detail) == ("warning", True)


def test_there_are_no_entry_points_without_a_package() -> None:
    assert not entry_points(group=registry.GROUP)


def test_the_confined_process_does_not_read_for_a_site_that_it_cannot_load() -> None:
    post = to_json(Post, Post(URL, URL, "films", "kite"))
    answered = answer({"task": "answer", "post": post, "platform": "films", "given": {}})

    assert answered["bug"] == "LookupError: there is no platform films in the confined process"


def test_the_kit_names_every_url_that_is_answered_differently() -> None:
    site = registry.platform("pinterest")
    check_urls(site, [UrlCase("https://www.pinterest.com/pin/12345/", post_id="12345")])

    with pytest.raises(AssertionError) as failed:
        check_urls(
            site,
            [
                UrlCase("https://www.pinterest.com/pin/12345/", AddressKind.PROFILE),
                UrlCase("https://pinterest.invalid/pin/12345/"),
                UrlCase("https://www.pinterest.com/jane/", AddressKind.PROFILE, handle="jane"),
            ],
        )
    first, second = str(failed.value).splitlines()
    assert first.startswith("https://www.pinterest.com/pin/12345/: expected {'kind'")
    assert second == "https://pinterest.invalid/pin/12345/: its host is not one of the site's"


def test_the_kit_reads_a_document_of_a_built_in_site() -> None:
    data = read_document(
        registry.platform("bluesky"),
        "https://bsky.app/profile/jane.test/post/3mddvy5bv6k27",
        (
            '{"uri": "at://did:plc:abc/app.bsky.feed.post/3mddvy5bv6k27", "author": {"handle":'
            ' "jane.test"}, "record": {"text": "hi"}}'
        ),
    )

    assert (data.account.handle, data.text, data.videos) == ("jane.test", "hi", ())
