"""``mediavault profile``: profiles on the command line."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run


def test_every_option_of_a_profile_is_stored_and_listed(run: Run) -> None:
    added = run(
        "profile", "add", "TV", "--codec", "h264", "--codec", "av1", "--max-height", "720",
        "--pictures", "--subtitles", "en,de", "--automatic-subtitles", "--subtitles-inside",
        "--sponsorblock", "--comments", "--record-live", "--name-template", "{id}", "--collection",
        "For the family", "--json",
    ).json()  # fmt: skip

    assert added == {
        "name": "tv", "codecs": ["h264", "av1"], "max_height": 720, "sound_only": False,
        "sound_codec": None, "pictures": True, "subtitles": ["en", "de"],
        "automatic_subtitles": True, "subtitles_inside": True, "sponsorblock": True,
        "comments": True, "record_live": True, "name_template": "{id}",
        "collection": "For the family", "is_built_in": False,
    }  # fmt: skip
    listed = run("profile", "list", "--json").json()
    assert (listed["default"], listed["sites"]) == ("best", {})
    assert listed["profiles"][-1] == added
    assert (
        "best            the best quality that the post offers  (the default)"
        in run("profile", "list").out
    )


def test_a_profile_for_audio_is_added_and_removed(run: Run) -> None:
    assert (
        run("profile", "add", "podcast", "--sound-only", "--sound-codec", "mp3").out
        == "podcast: audio only, as MP3.\n"
    )
    assert run("profile", "remove", "podcast").out == "podcast was removed.\n"
    assert run("profile", "remove", "podcast").code == 2


@pytest.mark.parametrize(
    "options", [("--sound-codec", "mp3"), ("--subtitles", "klingon!"), ("--max-height", "1")]
)
def test_what_cannot_be_a_profile_is_refused(run: Run, options: tuple[str, ...]) -> None:
    assert run("profile", "add", "tv", *options).code == 2
    assert "tv" not in run("profile", "list").out
