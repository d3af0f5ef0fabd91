"""Headers that only a trusted reverse proxy may set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediavault.auth.proxies import (
    SECRET_HEADER,
    ProxyRefused,
    ProxyRules,
    client_address,
    proxy_rules,
    user_of_proxy,
    was_forwarded,
)
from mediavault.core.failures import BadSetting
from mediavault.core.settings import Settings, load_settings
from mediavault.core.users import OWNER

SECRET = "a secret between the two of us"
PROXY = "10.0.0.2"
SETTINGS: dict[str, Any] = {
    "trusted_proxies": ("10.0.0.0/24",),
    "proxy_header": "Remote-User",
    "proxy_user": "jane",
    "proxy_secret": SECRET,
}
HEADERS = (("remote-user", "jane"), (SECRET_HEADER, SECRET))


def rules(tmp_path: Path, **overrides: Any) -> ProxyRules:
    return proxy_rules(
        Settings(state_dir=tmp_path, download_dir=tmp_path, **(SETTINGS | overrides))
    )


def test_a_trusted_proxy_signs_the_owner_in(tmp_path: Path) -> None:
    assert user_of_proxy(rules(tmp_path), PROXY, HEADERS) == OWNER


def test_a_trusted_proxy_names_another_user(tmp_path: Path) -> None:
    assert (
        user_of_proxy(rules(tmp_path), PROXY, [("remote-user", "Eve"), (SECRET_HEADER, SECRET)])
        == "eve"
    )


def test_without_the_header_the_proxy_signs_no_one_in(tmp_path: Path) -> None:
    """The proxy may leave a path to the vault's own sign-in."""
    assert None is user_of_proxy(
        rules(tmp_path), PROXY, [("accept", "*/*"), (SECRET_HEADER, SECRET)]
    )


def test_sign_in_by_a_proxy_is_off_by_default(tmp_path: Path) -> None:
    off = proxy_rules(
        Settings(state_dir=tmp_path, download_dir=tmp_path, trusted_proxies=("10.0.0.0/24",))
    )

    assert None is user_of_proxy(off, PROXY, HEADERS)


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.1", HEADERS),
        ("127.0.0.1", HEADERS),
        ("", HEADERS),
        ("::ffff:10.0.1.2", HEADERS),
        (PROXY, [("remote-user", "jane")]),
        (PROXY, [("remote-user", "jane"), (SECRET_HEADER, "wrong")]),
        (PROXY, [("remote-user", "jane"), (SECRET_HEADER, "")]),
        (PROXY, [("remote-user", "owner"), (SECRET_HEADER, SECRET)]),
        (PROXY, [("remote-user", "e/ve"), (SECRET_HEADER, SECRET)]),
        (PROXY, [("remote-user", ""), (SECRET_HEADER, SECRET)]),
        (PROXY, [("remote-user", "jane"), *HEADERS]),
        (PROXY, [*HEADERS, ("remote-user", "eve")]),
        (PROXY, [*HEADERS, (SECRET_HEADER, SECRET)]),
        (PROXY, [*HEADERS, ("remote_user", "jane")]),
        (PROXY, [*HEADERS, ("remote.user", "eve")]),
        (PROXY, [("remote_user", "jane"), (SECRET_HEADER, SECRET)]),
        (PROXY, [("remote.user", "jane"), (SECRET_HEADER, SECRET)]),
        (PROXY, [("remoteuser", "jane"), (SECRET_HEADER, SECRET)]),
        (PROXY, [*HEADERS, ("x_mediavault_proxy_secret", SECRET)]),
    ],
)
def test_forged_proxy_headers_are_refused(
    tmp_path: Path, peer: str, headers: list[tuple[str, str]]
) -> None:
    """Headers from another peer, repeated, with dots or underscores, without the secret,
    or for another user.
    """
    with pytest.raises(ProxyRefused):
        user_of_proxy(rules(tmp_path), peer, headers)


@pytest.mark.parametrize(
    "missing", ["trusted_proxies", "proxy_header", "proxy_user", "proxy_secret"]
)
def test_an_incomplete_configuration_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(BadSetting, match=missing.upper()):
        rules(tmp_path, **{missing: () if missing == "trusted_proxies" else None})


@pytest.mark.parametrize(
    "overrides",
    [
        {"proxy_header": "Remote_User"},
        {"proxy_header": "Remote.User"},
        {"proxy_header": "Authorization"},
        {"proxy_header": "Cookie"},
        {"proxy_header": "X-Forwarded-For"},
        {"proxy_secret": "short"},
    ],
)
def test_an_unusable_header_or_secret_is_refused(tmp_path: Path, overrides: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        rules(tmp_path, **overrides)


@pytest.mark.parametrize(
    "proxy", ["*", "0.0.0.0/0", "::/0", "10.0.0.0/7", "2001::/16", "proxy.lan", "", "10.0.0.300"]
)
def test_an_invalid_or_too_wide_network_is_not_a_proxy(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(BadSetting, match="TRUSTED_PROXIES"):
        load_settings(state_dir=tmp_path, download_dir=tmp_path, trusted_proxies=(proxy,))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", ["127.0.0.1"], "192.0.2.7"),
        (PROXY, ["192.0.2.7"], "192.0.2.7"),
        (PROXY, ["127.0.0.1, 192.0.2.7"], "192.0.2.7"),
        (PROXY, ["127.0.0.1", "192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["192.0.2.7, nonsense"], PROXY),
        (PROXY, ["192.0.2.7, nonsense, 10.0.0.9"], "10.0.0.9"),
        (PROXY, ["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ("::ffff:10.0.0.2", ["2001:db8::1"], "2001:db8::1"),
        ("", ["192.0.2.7"], ""),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_not_a_trusted_proxy(
    tmp_path: Path, peer: str, forwarded: list[str], address: str
) -> None:
    assert client_address(rules(tmp_path), peer, forwarded) == address


@pytest.mark.parametrize(
    "name", ["forwarded", "x-forwarded-for", "x_forwarded_for", "x-real-ip", "via"]
)
def test_a_forwarded_request_is_recognised(name: str) -> None:
    assert was_forwarded([("accept", "*/*"), (name, "192.0.2.7")])
    assert not was_forwarded([("accept", "*/*"), ("x-requested-with", "me")])
