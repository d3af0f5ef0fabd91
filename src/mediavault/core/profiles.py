"""Profiles: how posts are saved. A job names its profile;
the profile is read when an attempt begins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediavault.core.failures import BadInput
from mediavault.core.fields import about
from mediavault.core.marks import collection_title
from mediavault.core.media import LANGUAGE_TAG, VIDEO_TYPES, ItemType, Preference, SubtitleSource
from mediavault.core.messages import Message
from mediavault.core.name_template import check_template

MAX_PROFILE_CHARS = 40
MAX_LANGUAGES = 20
ALL_LANGUAGES = "all"
CODECS = ("h264", "hevc", "vp9", "av1")  # those that can be preferred
SOUND_CODECS = ("aac", "mp3", "opus")  # those that can be chosen for audio
HEIGHTS = (144, 8640)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class Profile:
    """How posts are saved.

    ``codecs``, ``max_height``, ``sound_only`` and ``sound_codec`` are as in
    :class:`~mediavault.core.media.Preference`; sound that a post offers in other codecs only is
    converted to ``sound_codec``. ``pictures``:
    save a post's pictures too. ``subtitles`` are the languages to save next to the video, ("all",)
    for every one; with ``automatic_subtitles``, also automatic ones in languages that have no
    others; with ``subtitles_inside``, they and the chapters are also embedded in the video file.
    ``sponsorblock``: save the segments of YouTube videos that SponsorBlock's users marked.
    ``comments``: save the comments. ``record_live``: record live streams, instead of waiting until
    they end. ``name_template`` None: the vault's. ``collection`` is the title of the collection to
    which posts are added.
    """

    name: str = field(metadata=about("The name of the profile.", option=""))
    codecs: tuple[str, ...] = field(
        default=(),
        metadata=about(
            (
                "Prefer this codec to all others: h264, hevc, vp9 or av1. Repeat it for a second"
                " choice."
            ),
            metavar="CODEC",
            option="--codec",
        ),
    )
    max_height: int | None = field(
        default=None, metadata=about("The maximum resolution, such as 1080.", metavar="LINES")
    )
    sound_only: bool = field(
        default=False, metadata=about("Save only the audio.", option="--sound-only")
    )
    sound_codec: str | None = field(
        default=None,
        metadata=about(
            "With audio only: aac (M4A), mp3 or opus. Other codecs are converted to it.",
            metavar="CODEC",
        ),
    )
    pictures: bool = field(
        default=False, metadata=about("Save the pictures of a post too.", option="--pictures")
    )
    subtitles: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Save subtitles in these languages: en,de or all.",
            metavar="LANGUAGES",
        ),
    )
    automatic_subtitles: bool = field(
        default=False,
        metadata=about(
            "Save automatic subtitles too, if there are no others.", option="--automatic-subtitles"
        ),
    )
    subtitles_inside: bool = field(
        default=False,
        metadata=about(
            "Embed them in the video file too, with the chapters.", option="--subtitles-inside"
        ),
    )
    sponsorblock: bool = field(
        default=False,
        metadata=about(
            "Mark advertising in YouTube videos, so that the player can skip it.",
            option="--sponsorblock",
        ),
    )
    comments: bool = field(
        default=False, metadata=about("Save up to 1,000 comments.", option="--comments")
    )
    record_live: bool = field(
        default=False,
        metadata=about(
            "Record live streams, instead of waiting until they end.", option="--record-live"
        ),
    )
    name_template: str | None = field(
        default=None,
        metadata=about("The template for file names, as for MEDIAVAULT_NAME_TEMPLATE."),
    )
    collection: str | None = field(
        default=None, metadata=about("Add posts to this collection.", metavar="TITLE")
    )

    @property
    def preference(self) -> Preference:
        """The preference among the variants of a video."""
        return Preference(self.codecs, self.max_height, self.sound_only, self.sound_codec)

    @property
    def types(self) -> frozenset[ItemType]:
        """The types of a post's items that are saved."""
        sounds = {ItemType.AUDIO} if self.sound_only else set()
        return VIDEO_TYPES | sounds | ({ItemType.IMAGE} if self.pictures else set())


BEST = Profile("best")
BUILT_IN: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        BEST,
        Profile("compatible", codecs=("h264",)),
        Profile("1080p", max_height=1080),
        Profile("audio", sound_only=True),
        Profile("pictures", pictures=True),
    )
}


def is_profile_name(text: str) -> bool:
    """Whether the text is the stored form of a profile name."""
    return _NAME.fullmatch(text) is not None


def profile_name(text: str) -> str:
    """Return the name of a profile as it is stored: in lower case.
    Raises BadInput for an invalid name.
    """
    name = text.strip().lower()
    if not is_profile_name(name):
        raise BadInput(
            "This is not a valid profile name.",
            help=(
                "Use at most 40 letters from a to z, digits, and . _ -; begin with a letter or a"
                " digit."
            ),
        )
    return name


def unknown_profile(name: str, existing: Collection[str]) -> BadInput:
    """Return the error for a profile that does not exist."""
    return BadInput(
        Message("There is no profile named %(name)s.", name=repr(name[:MAX_PROFILE_CHARS])),
        help=Message("The profiles are %(names)s.", names=", ".join(existing)),
    )


def checked(profile: Profile) -> Profile:
    """Return the profile as it is stored. Raises BadInput for an invalid name, codec, height,
    language, name template or collection.
    """
    for known, chosen in (
        (CODECS, profile.codecs),
        (SOUND_CODECS, filter(None, [profile.sound_codec])),
    ):
        if unknown := [codec for codec in chosen if codec not in known]:
            raise BadInput(
                Message(
                    "%(codec)s is not a supported codec.",
                    codec=repr(unknown[0][:MAX_PROFILE_CHARS]),
                ),
                help=Message("The codecs are %(names)s.", names=", ".join(known)),
            )
    if profile.sound_codec and not profile.sound_only:
        raise BadInput(
            "Only a profile for audio only can have an audio codec.",
            help="Choose audio only too, or no codec.",
        )
    if profile.max_height is not None and not HEIGHTS[0] <= profile.max_height <= HEIGHTS[1]:
        raise BadInput(
            Message("%(height)s is not a valid height.", height=profile.max_height),
            help=Message(
                "Use a number from %(least)s to %(most)s, such as 1080.",
                least=HEIGHTS[0],
                most=HEIGHTS[1],
            ),
        )
    return replace(
        profile,
        name=profile_name(profile.name),
        codecs=tuple(dict.fromkeys(profile.codecs)),
        subtitles=language_tags(" ".join(profile.subtitles)),
        name_template=_template(profile.name_template) if profile.name_template else None,
        collection=collection_title(profile.collection) if profile.collection else None,
    )


def language_tags(text: str) -> tuple[str, ...]:
    """Return the languages of a list with commas or spaces, such as "en, pt-br"; "all" means every
    language.

    Raises BadInput for anything else.
    """
    tags = tuple(dict.fromkeys(text.replace(",", " ").lower().replace("_", "-").split()))
    if ALL_LANGUAGES in tags:
        return (ALL_LANGUAGES,)
    if len(tags) > MAX_LANGUAGES or not all(map(LANGUAGE_TAG.fullmatch, tags)):
        raise BadInput(
            "This is not a valid list of languages.",
            help="Enter codes such as en, de, pt-br; or enter all.",
        )
    return tags


def _template(text: str) -> str:
    try:
        return check_template(text)
    except ValueError as exc:
        raise BadInput(exc.args[0]) from exc


def chosen_subtitles(offered: Sequence[SubtitleSource], profile: Profile) -> list[SubtitleSource]:
    """Return the subtitles to save, one for each language: automatic ones only if there are no
    others.

    A language of the profile stands for its regions too: "pt" takes "pt-BR" where there is no "pt".
    A machine's are taken only in the languages that the profile names, since sites offer
    translations into a hundred of them.
    """
    found: dict[str, SubtitleSource] = {}
    for source in (one for one in offered if not one.automatic):
        if ALL_LANGUAGES in profile.subtitles:
            found.setdefault(source.language.lower(), source)
    for wanted in profile.subtitles:
        fitting = [one for one in offered if _speaks(one.language, wanted)]
        fitting = [one for one in fitting if profile.automatic_subtitles or not one.automatic]
        best = min(
            fitting,
            key=lambda one: (one.automatic, one.language.lower() != wanted, len(one.language)),
            default=None,
        )
        if best is not None:
            found.setdefault(best.language.lower(), best)
    return list(found.values())


def _speaks(language: str, wanted: str) -> bool:
    language = language.lower().replace("_", "-")
    return language == wanted or language.startswith(f"{wanted}-")
