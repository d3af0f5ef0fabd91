"""Profiles: what they may hold, and how they are written and read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput
from mediavault.core.media import Preference, SubtitleSource
from mediavault.core.profiles import (
    BUILT_IN,
    CODECS,
    HEIGHTS,
    Profile,
    checked,
    chosen_subtitles,
    is_profile_name,
    language_tags,
)
from mediavault.core.typed_records import named, to_named_json

FAMILY = Profile(
    "family",
    codecs=("h264", "av1"),
    max_height=720,
    sound_only=True,
    sound_codec="aac",
    subtitles=("en", "pt-br"),
    name_template="{title} [{id}]",
    collection="For the family",
)
PROFILES = st.builds(
    Profile,
    name=st.sampled_from(["a", "family-tv", "1080p.x_y"]),
    codecs=st.lists(st.sampled_from(CODECS), unique=True).map(tuple),
    max_height=st.none() | st.integers(*HEIGHTS),
    sound_only=st.booleans(),
    pictures=st.booleans(),
    subtitles=st.sampled_from([(), ("en",), ("de", "pt-br"), ("all",)]),
    automatic_subtitles=st.booleans(),
    name_template=st.sampled_from([None, "{title} [{id}]"]),
    collection=st.sampled_from([None, "For the family"]),
)


@given(PROFILES)
def test_a_profile_comes_back_from_json_as_it_was(profile: Profile) -> None:
    assert (
        checked(named(Profile, json.loads(json.dumps(to_named_json(profile, whole=True)))))
        == profile
    )


def test_names_of_other_versions_are_ignored_and_missing_ones_have_their_defaults() -> None:
    assert named(Profile, {"name": "x", "holograms": True}) == Profile("x")


def test_the_built_in_profiles_are_valid() -> None:
    assert [checked(profile) for profile in BUILT_IN.values()] == list(BUILT_IN.values())
    assert BUILT_IN["best"].preference == Preference()


def test_a_name_is_stored_in_lower_case() -> None:
    assert checked(replace(FAMILY, name=" Family ")) == FAMILY


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "two words"},
        {"name": "a" * 41},
        {"name": "../x"},
        {"codecs": ("mpeg2",)},
        {"sound_codec": "vorbis"},
        {"sound_codec": "mp3", "sound_only": False},
        {"max_height": 0},
        {"max_height": 100_000},
        {"name_template": "{title}"},
        {"name_template": "{id}/../{id}"},
        {"collection": "x" * 500},
    ],
)
def test_what_a_profile_cannot_hold_is_refused_with_what_helps(change: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        checked(replace(FAMILY, **change))  # type: ignore[arg-type]

    assert caught.value.help or caught.value.message


@given(st.text(max_size=60))
def test_a_name_is_safe_in_addresses_and_logs(text: str) -> None:
    if is_profile_name(text):
        assert text.isascii()
        assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    ("preference", "sides", "order"),
    [
        (Preference(), [360, 1080, 2160], [2160, 1080, 360]),
        (Preference(max_height=1080), [360, 1080, 2160], [1080, 360, 2160]),
        (Preference(max_height=1080), [2160, 4320, 0], [0, 2160, 4320]),
    ],
)
def test_the_largest_that_fits_comes_first_and_then_the_smallest(
    preference: Preference, sides: list[int], order: list[int]
) -> None:
    assert sorted(sides, key=preference.height_rank, reverse=True) == order


# --- which subtitles


def offered(*languages: str) -> list[SubtitleSource]:
    """Return subtitles; a language with a star is a machine's."""
    return [
        SubtitleSource(f"https://s.example/{name}", name.rstrip("*"), name.endswith("*"))
        for name in languages
    ]


@pytest.mark.parametrize(
    ("wanted", "automatic", "languages", "taken"),
    [
        (("en",), False, ("de", "en", "en*"), ["en"]),
        (("en",), False, ("de", "en*"), []),
        (("en",), True, ("de", "en*"), ["en*"]),
        (("en",), True, ("en*", "en-GB"), ["en-GB"]),
        (("pt",), False, ("pt-BR", "pt-PT", "pt"), ["pt"]),
        (("pt",), False, ("pt_BR", "ptx"), ["pt_BR"]),
        (("pt-br",), False, ("pt-BR", "pt"), ["pt-BR"]),
        (("de", "en"), False, ("en", "fr", "de"), ["de", "en"]),
        (("all",), False, ("en", "fr", "de*", ""), ["en", "fr", ""]),
        (("all",), True, ("en", "de*"), ["en"]),
        ((), True, ("en", "de*"), []),
    ],
)
def test_subtitles_that_people_wrote_are_taken_before_a_machines(
    wanted: tuple[str, ...], automatic: bool, languages: tuple[str, ...], taken: list[str]
) -> None:
    profile = Profile("x", subtitles=wanted, automatic_subtitles=automatic)
    chosen = chosen_subtitles(offered(*languages), profile)

    assert [one.url.removeprefix("https://s.example/") for one in chosen] == taken


@pytest.mark.parametrize(
    ("text", "tags"),
    [("en, de", ("en", "de")), ("EN pt_BR", ("en", "pt-br")), ("de all", ("all",)), ("", ())],
)
def test_languages_are_written_with_commas_or_spaces(text: str, tags: tuple[str, ...]) -> None:
    assert language_tags(text) == tags


@pytest.mark.parametrize(
    "text",
    [
        "english",
        "e",
        "../en",
        "en" * 30,
        " ".join(f"a{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(21)),
    ],
)
def test_what_is_no_list_of_languages_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        language_tags(text)
