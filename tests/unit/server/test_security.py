from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediavault.core.settings import Settings
from mediavault.server.security import (
    bearer,
    comes_from_elsewhere,
    host_is_ours,
    host_of,
    host_rules,
    needs_a_password,
    no_password,
)

TOKEN = "mv_a-long-random-token"


def settings(tmp_path: Path, **values: Any) -> Settings:
    return Settings(state_dir=tmp_path, download_dir=tmp_path, **values)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "vault.lan"])
def test_listening_beyond_this_machine_needs_a_password(tmp_path: Path, host: str) -> None:
    assert needs_a_password(settings(tmp_path, host=host))
    assert needs_a_password(settings(tmp_path, host=host, token=""))
    assert "mediavault password" in no_password(settings(tmp_path, host=host)).help


@pytest.mark.parametrize(
    "values",
    [
        {"host": "127.0.0.1"},
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "127.9.9.9"},
        {"host": "0.0.0.0", "token": TOKEN},
        {"host": "0.0.0.0", "setup": True},
    ],
)
def test_loopback_and_otherwise_guarded_vaults_need_no_password(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    assert not needs_a_password(settings(tmp_path, **values))


@pytest.mark.parametrize(
    "header", ["localhost", "LOCALHOST:8420", "127.0.0.1:8420", "[::1]:8420", "localhost."]
)
def test_loopbacks_own_names_are_ours(tmp_path: Path, header: str) -> None:
    host = host_of(header)

    assert host is not None
    assert host_is_ours(host, host_rules(settings(tmp_path)))


@pytest.mark.parametrize(
    "header",
    ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:8420", "192.168.1.5", "[::2]"],
)
def test_other_host_names_are_not_ours(tmp_path: Path, header: str) -> None:
    host = host_of(header)

    assert host is not None
    assert not host_is_ours(host, host_rules(settings(tmp_path)))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x/admin?",
        "a b",
        "user@localhost",
        "localhost:port",
        "[::1",
        "loc\0alhost",
        "localhost:8420\r\nx: y",
    ],
)
def test_an_invalid_host_is_none(header: str | None) -> None:
    assert host_of(header) is None


def test_a_vault_on_every_interface_accepts_any_ip_address_and_no_unknown_name(
    tmp_path: Path,
) -> None:
    rules = host_rules(settings(tmp_path, host="0.0.0.0", token=TOKEN))

    assert host_is_ours("192.168.1.5", rules)
    assert host_is_ours("[fd00::5]", rules)
    assert not host_is_ours("evil.test", rules)


def test_the_configured_host_is_ours(tmp_path: Path) -> None:
    assert host_is_ours("vault.lan", host_rules(settings(tmp_path, host="Vault.lan", token=TOKEN)))
    assert host_is_ours("[fd00::5]", host_rules(settings(tmp_path, host="fd00::5", token=TOKEN)))


def test_a_reverse_proxys_name_is_ours_once_it_is_configured(tmp_path: Path) -> None:
    rules = host_rules(settings(tmp_path, host_names=("Videos.example",)))

    assert host_is_ours("videos.example", rules)
    assert not host_is_ours("other.example", rules)


@pytest.mark.parametrize(
    ("fetch_site", "origin", "elsewhere"),
    [
        ("same-origin", "http://vault:8420", False),
        ("none", None, False),
        ("cross-site", "http://vault:8420", True),
        ("same-site", "http://vault:8420", True),
        (None, None, False),
        (None, "http://vault:8420", False),
        (None, "https://VAULT:8420", False),
        (None, "http://vault:9999", True),
        (None, "http://evil.test", True),
        (None, "null", True),
        (None, "", True),
        ("", None, True),
    ],
)
def test_an_unsafe_request_from_a_browser_must_come_from_our_own_page(
    fetch_site: str | None, origin: str | None, *, elsewhere: bool
) -> None:
    assert comes_from_elsewhere(fetch_site, origin, "vault:8420") is elsewhere


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        (None, None),
    ],
)
def test_the_token_is_read_from_the_authorization_header(
    header: str | None, token: str | None
) -> None:
    assert bearer(header) == token
