from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from mediavault.core.failures import BadSetting
from mediavault.core.settings import check_allow_rule, load_settings, unknown_variables
from mediavault.core.upstream_proxies import UpstreamProxies, parse_upstream_proxy
from mediavault.core.urls import parse_http_url


def test_defaults_listen_on_loopback_only() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.concurrency) == ("127.0.0.1", 8420, 3)


@pytest.mark.parametrize(
    "rule",
    [
        "nas.lan",
        "192.168.1.10",
        "192.168.1.10:8096",
        "127.0.0.1:8420",
        "[::1]:80",
        "10.1.0.0/16",
        "fd00::/32",
    ],
)
def test_exact_hosts_and_narrow_networks_are_allowed(rule: str) -> None:
    check_allow_rule(rule)


@pytest.mark.parametrize(
    "rule",
    ["*", ".", "", "0.0.0.0/0", "10.0.0.0/7", "::/0", "127.0.0.0/8", "169.254.0.0/16", "127.0.0.1",
     "localhost", "localhost:x", "169.254.169.254", "host:0", "host:70000", "fe80::/16",
     "2130706433", "0x7f000001:80", "224.0.0.1",
     "[::ffff:127.0.0.1]"],
)  # fmt: skip
def test_wide_or_dangerous_exemptions_are_refused(rule: str) -> None:
    with pytest.raises(ValueError):
        check_allow_rule(rule)


def test_a_bad_value_is_refused_with_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_CONCURRENCY", "many")

    with pytest.raises(BadSetting, match="MEDIAVAULT_CONCURRENCY"):
        load_settings()


def test_the_exemptions_are_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_ALLOW_PRIVATE", '["nas.lan:80"]')
    good = load_settings().allow_private
    monkeypatch.setenv("MEDIAVAULT_ALLOW_PRIVATE", "nas.lan")

    assert good == ("nas.lan:80",)
    with pytest.raises(BadSetting):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "MEDIAVAULT_ALLOW_PRIVATE",
            "nas.lan",
            "MEDIAVAULT_ALLOW_PRIVATE: 'nas.lan' is not JSON, as in [\"nas.lan:8096\"].",
        ),
        (
            "MEDIAVAULT_HOST_NAMES",
            "vault.example",
            "MEDIAVAULT_HOST_NAMES: 'vault.example' is not JSON, as in [\"vault.example\"].",
        ),
        (
            "MEDIAVAULT_ALLOW_PRIVATE",
            '["127.0.0.1"]',
            (
                "MEDIAVAULT_ALLOW_PRIVATE: '127.0.0.1' needs a port: name it exactly, as in"
                " 127.0.0.1:8096."
            ),
        ),
        (
            "MEDIAVAULT_LOG_LEVEL",
            "loud",
            "MEDIAVAULT_LOG_LEVEL: it must be debug, info, warning or error.",
        ),
        ("MEDIAVAULT_PORT", "80x", "MEDIAVAULT_PORT: '80x' is not an integer."),
        ("MEDIAVAULT_LEASE_S", "soon", "MEDIAVAULT_LEASE_S: 'soon' is not a number."),
        (
            "MEDIAVAULT_SAVE_QUOTED",
            "perhaps",
            "MEDIAVAULT_SAVE_QUOTED: 'perhaps' is neither true nor false.",
        ),
    ],
)
def test_a_bad_value_is_reported_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting) as caught:
        load_settings()
    assert caught.value.message == message


def test_a_bad_token_is_not_repeated() -> None:
    with pytest.raises(BadSetting) as caught:
        load_settings(token=["hunter2"])
    assert "hunter2" not in caught.value.message


def test_a_misspelled_variable_is_reported() -> None:
    assert unknown_variables({"MEDIAVAULT_PROT": "1", "MEDIAVAULT_PORT": "1", "PATH": ""}) == [
        "MEDIAVAULT_PROT"
    ]


def test_a_token_is_never_shown() -> None:
    assert "hunter2" not in repr(load_settings(token="hunter2"))


# --- secrets in files -----------------------------------------------------------------------------


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a container's runtime puts secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr("mediavault.core.settings.RUN_SECRETS", str(folder))
    return folder


def token() -> str | None:
    secret = load_settings().token
    return secret.get_secret_value() if secret else None


def test_a_secret_is_read_from_the_file_that_a_variable_names(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    monkeypatch.setenv("MEDIAVAULT_TOKEN_FILE", str(tmp_path / "token"))

    assert token() == "hunter2"
    assert unknown_variables({"MEDIAVAULT_TOKEN_FILE": "x", "MEDIAVAULT_PORT_FILE": "x"}) == [
        "MEDIAVAULT_PORT_FILE"
    ]


def test_systemds_credential_comes_before_the_containers_secret(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "mediavault_token").write_text("of the container")
    assert token() == "of the container"

    (tmp_path / "mediavault_token").write_text("of systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert token() == "of systemd"

    monkeypatch.setenv("MEDIAVAULT_TOKEN", "of the environment")
    assert token() == "of the environment"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "MEDIAVAULT_DATABASE_URL_FILE: .*url cannot be read: No such file or directory"),
        (b" \n", "MEDIAVAULT_DATABASE_URL_FILE: .*url is empty"),
        (b"\xff\xfe", "MEDIAVAULT_DATABASE_URL_FILE: .*url cannot be read: .*codec"),
    ],
)
def test_a_file_without_a_secret_is_refused_by_name(
    written: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if written is not None:
        (tmp_path / "url").write_bytes(written)
    monkeypatch.setenv("MEDIAVAULT_DATABASE_URL_FILE", str(tmp_path / "url"))

    with pytest.raises(BadSetting, match=message):
        load_settings()


def test_a_secret_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "hunter2")

    with pytest.raises(BadSetting, match="MEDIAVAULT_TOKEN and MEDIAVAULT_TOKEN_FILE are both set"):
        load_settings()


# --- the proxies through which the vault leaves ---------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5h://user:canary@gluetun:1080", "socks5h would let the proxy resolve host names"),
        ("socks4://user:canary@gluetun:1080", "use socks5://"),
        ("socks4a://gluetun:1080", "use socks5://"),
        ("socks://gluetun:1080", "the SOCKS version is missing"),
        ("ftp://user:canary@gluetun:1080", "must begin with http://"),
        ("gluetun:8888", "such as http://gluetun:8888"),
        ("http://user:canary@gluetun", "the port is missing"),
        ("http://user:canary@gluetun:99999", "not a valid address"),
        ("http://user:canary#1@gluetun:8888", "percent-encode"),
        ("http://user:canary/1@gluetun:8888", "percent-encode"),
        ("http://gluetun:8888/canary", "nothing may follow the port"),
        ("http://user:canary%0d%0aX@gluetun:8888", "control character"),
        ("http://us%3Aer:canary@gluetun:8888", "may not contain a colon"),
        (f"http://user:canary{'x' * 300}@gluetun:8888", "too long"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_quoting_its_password(
    proxy: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("MEDIAVAULT_PROXY", proxy),
        ("MEDIAVAULT_PROXIES", json.dumps({"youtube": proxy})),
    ):
        monkeypatch.setenv(name, value)
        with pytest.raises(BadSetting, match=name) as caught:
            load_settings()
        monkeypatch.delenv(name)

        assert words in caught.value.message
        assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "value", ['{"youtube": canary}', '["canary"]', "youtube=http://user:canary@h:1", '"canary"']
)
def test_proxies_that_are_no_json_object_are_not_quoted(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_PROXIES", value)
    with pytest.raises(BadSetting, match="MEDIAVAULT_PROXIES: it must be a JSON object") as caught:
        load_settings()

    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_proxies_are_read_from_files_too_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PROXY", "socks5://user:canary@gluetun:1080\n"),
        ("PROXIES", '{"YouTube": "direct"}'),
    ):
        (tmp_path / name).write_text(value)
        monkeypatch.setenv(f"MEDIAVAULT_{name}_FILE", str(tmp_path / name))
    settings = load_settings()

    assert settings.proxy is not None
    assert [*settings.proxies] == ["youtube"]
    assert "canary" not in f"{settings!r}{settings.model_dump_json()}"


def test_a_proxys_password_may_be_of_any_characters_and_its_text_is_masked() -> None:
    proxy = parse_upstream_proxy("HTTPS://us%20er:p%40s%3A%2F%23%C3%A9@[fd00::1]:8443/")

    assert (proxy.username, proxy.password) == (b"us er", "p@s:/#é".encode())
    assert (proxy.host, proxy.port, str(proxy)) == ("fd00::1", 8443, "https://***@[fd00::1]:8443")
    assert "us er" not in repr(proxy)


def test_a_site_takes_its_own_proxy_else_the_vaults() -> None:
    vault, own = parse_upstream_proxy("http://a:1"), parse_upstream_proxy("http://b:2")
    proxies = UpstreamProxies(
        vault, {"x": own, "tiktok": None}, site_of=lambda url: url.host.partition(".")[0]
    )
    chosen = [
        proxies.for_post(parse_http_url(f"https://{site}.com/"))
        for site in ("x", "tiktok", "reddit")
    ]

    assert [*chosen, proxies.for_post(None)] == [own, None, vault, vault]
