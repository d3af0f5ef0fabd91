"""The proxies of the settings reach every guard that the application makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.app.clients import client_for
from mediavault.app.composition import make_guard
from mediavault.app.notifying import GuardedSender
from mediavault.core.clock import SystemClock
from mediavault.core.failures import BadSetting
from mediavault.core.settings import Settings
from mediavault.core.urls import parse_http_url

VAULT, OWN = "socks5://user:secret@gluetun:1080", "http://gluetun:8888"


def settings(folder: Path, **values: object) -> Settings:
    return Settings.model_validate({"state_dir": folder, "proxy": VAULT, **values})


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "http://gluetun:8888"),
        ("https://youtu.be/dQw4w9WgXcQ", "http://gluetun:8888"),
        ("https://x.com/jack/status/20", None),
        ("https://blog.example/post", "socks5://***@gluetun:1080"),
    ],
)
def test_the_site_of_a_post_chooses_its_proxy(tmp_path: Path, url: str, proxy: str | None) -> None:
    guard = make_guard(settings(tmp_path, proxies={"youtube": OWN, "x": "direct"}))
    chosen = guard.proxies.for_post(parse_http_url(url))

    assert (str(chosen) if chosen else None) == proxy


def test_a_site_that_does_not_exist_is_refused_with_the_names_of_those_that_do(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadSetting, match="MEDIAVAULT_PROXIES: unknown platform youtub") as caught:
        make_guard(settings(tmp_path, proxies={"youtub": OWN}))

    assert "youtube" in caught.value.help


async def test_notifications_and_other_services_take_the_vaults_proxy_alone(tmp_path: Path) -> None:
    given = settings(tmp_path, proxies={"youtube": OWN})
    sender = GuardedSender(given, SystemClock())
    async with client_for("https://tsa.example/tsr", given) as client:
        guards = (client._guard, sender._guard("hooks.example", private=False))
    sender.close()

    youtube = parse_http_url("https://www.youtube.com/watch?v=dQw4w9WgXcQ")
    assert [str(guard.proxies.for_post(youtube)) for guard in guards] == [
        "socks5://***@gluetun:1080"
    ] * 2
