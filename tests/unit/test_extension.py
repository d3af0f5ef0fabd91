"""The browser extension as it is packed: its permissions, its policy, its texts and its bytes."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts.extension import (
    BROWSERS,
    ICON_SIZES,
    SOURCE,
    files,
    icons,
    manifest_of,
    manifest_version,
    write_zip,
)

from tests.png import pixels

each_browser = pytest.mark.parametrize("browser", BROWSERS)
LOCALES = ("en", "de")
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new"
    r" Function|\bimport\((?!\"\./)"
)
IMPORT = re.compile(r'^import [^"]*"(?:\./)?([^"]+)";$', re.MULTILINE)


def texts(*suffixes: str) -> str:
    paths = sorted(path for path in SOURCE.iterdir() if path.suffix in suffixes)
    return "\n".join(path.read_text("utf-8") for path in paths)


def messages(locale: str) -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = json.loads(
        (SOURCE / "_locales" / locale / "messages.json").read_text("utf-8")
    )
    return read


# --- what it may do


@each_browser
def test_exactly_these_permissions_are_asked_for(browser: str) -> None:
    """Each further one is a decision: browsers warn about many,
    and users cannot judge most of them.
    """
    manifest = manifest_of(browser)

    assert {key: value for key, value in manifest.items() if "permissions" in key} == {
        "permissions": ["activeTab", "alarms", "contextMenus", "storage"],
        "optional_permissions": ["cookies"],
        "optional_host_permissions": ["http://*/*", "https://*/*"],
    }
    assert (
        not {"content_scripts", "web_accessible_resources", "externally_connectable"}
        & manifest.keys()
    )


@each_browser
def test_no_page_of_the_extension_loads_anything_from_elsewhere(browser: str) -> None:
    """Only requests leave it, to an address that the user types. ``http:`` is allowed:
    many vaults are at home.
    """
    policy = manifest_of(browser)["content_security_policy"]["extension_pages"].split("; ")

    assert set(policy) == {
        *(
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "object-src 'none'",
        ),
        *(
            "connect-src http: https:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ),
        *("require-trusted-types-for 'script'", "trusted-types 'none'"),
    }


def test_no_script_makes_html_or_code_from_text() -> None:
    assert UNSAFE.findall(texts(".js")) == []
    assert (
        re.findall(
            r"<script(?! type=\"module\" src=\"[a-z-]+\.js\"></script>)|\son\w+=|style=",
            texts(".html"),
        )
        == []
    )


def test_firefox_is_told_what_is_sent_and_where_the_extension_runs() -> None:
    gecko = manifest_of("firefox")["browser_specific_settings"]["gecko"]

    assert gecko["data_collection_permissions"] == {
        "required": ["browsingActivity"],
        "optional": ["authenticationInfo"],
    }
    assert manifest_of("firefox")["background"] == {"scripts": ["background.js"], "type": "module"}
    assert manifest_of("chromium")["background"] == {
        "service_worker": "background.js",
        "type": "module",
    }


# --- what is packed


@each_browser
def test_every_file_that_is_named_is_packed(browser: str) -> None:
    packed = files(browser)
    named = re.findall(r'"([\w/-]+\.(?:html|js|png))"', packed["manifest.json"].decode())
    named += re.findall(r'(?:src|href)="([^"]+)"', texts(".html")) + IMPORT.findall(texts(".js"))
    named += re.findall(r"`([a-z-]+\.html)\?", texts(".js"))

    assert set(named) <= packed.keys()
    assert {name for name in packed if name.endswith((".js", ".css", ".html"))} <= set(named)


@each_browser
def test_two_builds_have_the_same_bytes(browser: str, tmp_path: Path) -> None:
    first, second = (write_zip(tmp_path / name, browser) for name in "ab")

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == sorted(files(browser))
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.3", "1.2.3"),
        ("0.1", "0.1.0"),
        ("0.1.dev532+ga7d78b97e", "0.1.0.532"),
        ("1.2.4.dev3+g1.d20261128", "1.2.4.3"),
    ],
)
def test_the_version_is_that_of_the_package_in_numbers(version: str, expected: str) -> None:
    assert manifest_version(version) == expected


@pytest.mark.parametrize("size", ICON_SIZES)
def test_the_icon_is_drawn_in_every_size(size: int) -> None:
    width, rows = pixels(icons()[f"icons/{size}.png"])

    assert (width, len(rows)) == (size, size)


def test_the_icon_has_round_corners_a_ring_and_a_triangle() -> None:
    _, rows = pixels(icons()["icons/128.png"])
    green, light = (0x2F, 0x5D, 0x50, 255), (0xF4, 0xEF, 0xE4, 255)

    def at(x: float, y: float) -> tuple[int, ...]:
        return tuple(rows[int(y * 128)][int(x * 128) * 4 :][:4])

    assert (at(0.01, 0.01)[3], at(0.5, 0.01)) == (0, green)
    assert (at(6 / 32, 0.5), at(0.5, 3 / 32)) == (light, green)
    assert (at(0.5, 0.5), at(13 / 32, 0.5), at(20 / 32, 12 / 32)) == (light, green, green)


# --- texts


def used_texts() -> Iterator[str]:
    source = texts(".js", ".html", ".json")
    for pattern in (
        r'\bt\([^()]*?"(\w+)"',
        r'data-(?:text|label)="(\w+)"',
        r"__MSG_(\w+)__",
        r'\btext: "(\w+)"',
    ):
        yield from re.findall(pattern, source)
    yield from re.findall(r'return "(result_\w+)"', source)


def test_every_text_exists_in_every_language_with_the_same_parts() -> None:
    english, german = (messages(locale) for locale in LOCALES)

    assert english.keys() == german.keys()
    for key, entry in english.items():
        parts = [sorted(re.findall(r"\$(\w+)\$", each["message"])) for each in (entry, german[key])]
        assert parts[0] == parts[1], key
        assert sorted(str(name).upper() for name in entry.get("placeholders", ())) == parts[0], key


def test_every_text_that_is_used_exists_and_every_text_is_used() -> None:
    source = texts(".js", ".html", ".json")
    known = messages("en").keys()
    states = {f"result_{state}" for state in ("added", "known", "refused", "waiting")}

    assert {name for name in used_texts() if name not in known} == set()
    unused = {key for key in known - states if not re.search(rf'"{key}"|__MSG_{key}__', source)}
    assert unused == set()
