"""The settings that users may change: one set of rules for the page and the environment."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import BadSetting
from mediavault.core.settings import ChangeableSettings, is_on_site, load_settings, validate_setting


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("concurrency", "5", 5),
        ("profile", "Compatible", "compatible"),
        ("site_profiles", "youtube=1080p, x=audio", {"x": "audio", "youtube": "1080p"}),
        ("name_template", " {id} ", "{id}"),
        ("pace", "TikTok=2, x=1,vimeo=1.5", {"tiktok": 2.0, "vimeo": 1.5}),
        ("pace", {"x": 3}, {"x": 3.0}),
        ("pace", "", {}),
        (
            "first_player_sites",
            "https://www.Films.example/a, news.example news.example",
            ("films.example", "news.example"),
        ),
        ("first_player_sites", "", ()),
        ("retention_days", "0", 0),
    ],
)
def test_a_setting_given_as_text_is_parsed(name: str, value: Any, expected: Any) -> None:
    assert validate_setting(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", "0"),
        ("concurrency", "65"),
        ("concurrency", "many"),
        ("concurrency", None),
        ("max_attempts", "0"),
        ("profile", "no name"),
        ("site_profiles", "x=no name"),
        ("name_template", "{title}"),
        ("pace", "x=0.5"),
        ("pace", "x=21"),
        ("pace", "x=nan"),
        ("pace", "x"),
        ("first_player_sites", "news.example, ftp://a.example"),
        ("first_player_sites", " ".join(f"a{n}.example" for n in range(201))),
        ("retention_days", "-1"),
    ],
)
def test_an_invalid_value_is_refused_by_the_page_and_by_the_environment(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadSetting):
        validate_setting(name, value)
    if value is not None:
        monkeypatch.setenv(f"MEDIAVAULT_{name.upper()}", value)
        with pytest.raises(BadSetting, match=name.upper()):
            load_settings()


def test_no_other_setting_can_be_changed() -> None:
    with pytest.raises(KeyError):
        validate_setting("state_dir", "/tmp")


def test_the_environment_sets_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_PACE", "tiktok=2")
    monkeypatch.setenv("MEDIAVAULT_NAME_TEMPLATE", "{id} {title}")
    settings = load_settings()

    assert settings.pace == {"tiktok": 2.0}
    assert settings.name_template == "{id} {title}"
    assert settings.model_fields_set & set(ChangeableSettings.model_fields) == {
        "pace",
        "name_template",
    }


@pytest.mark.parametrize(
    ("url", "available"),
    [
        ("https://news.example/a", True),
        ("https://www.news.example/a", True),
        ("https://video.news.example/a", True),
        ("https://notnews.example/a", False),
        ("https://other.example/news.example", False),
    ],
)
def test_a_site_is_its_host_and_what_is_below_it(url: str, available: bool) -> None:
    assert is_on_site(url, ("news.example",)) is available
