"""``profile list | add | remove``: how posts are saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.core.profiles import Profile
    from mediavault.core.settings import ChangeableSettings
    from mediavault.store.port import Records, Store

T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the profile.", show_default=False)]


def list_profiles(*, as_json: AsJson = False) -> None:
    """List the profiles and where each is the default."""
    from mediavault.cli.output import out, print_json
    from mediavault.presentation.views import profile_view
    from mediavault.store.profiles import all_profiles

    async def read(records: Records, now: ChangeableSettings) -> tuple[list[Profile], ChangeableSettings]:
        return list((await all_profiles(records)).values()), now

    profiles, now = _with_records(read)
    if as_json:
        views = [profile_view(profile).model_dump(mode="json") for profile in profiles]
        print_json({"profiles": views, "default": now.profile, "sites": dict(now.site_profiles)})
        return
    for profile in profiles:
        sites = [site for site, name in now.site_profiles.items() if name == profile.name]
        used = ", ".join([*(["the default"] if profile.name == now.profile else []), *sites])
        line = f"{profile.name:<14}  {_words(profile)}{f'  ({used})' if used else ''}"
        out().print(line, markup=False, highlight=False, soft_wrap=True)


def add(
    name: Name,
    *,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            help="Prefer this codec to all others: h264, hevc, vp9 or av1. Repeat it for a second choice.",
            show_default=False,
        ),
    ] = None,
    max_height: Annotated[
        int | None, typer.Option(metavar="LINES", help="The maximum resolution, such as 1080.", show_default=False)
    ] = None,
    sound_only: Annotated[bool, typer.Option("--sound-only", help="Save only the audio.")] = False,
    sound_codec: Annotated[
        str | None,
        typer.Option(
            metavar="CODEC",
            help="With --sound-only: aac (M4A), mp3 or opus. Other codecs are converted to it.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Save the pictures of a post too.")] = False,
    subtitles: Annotated[
        str | None,
        typer.Option(metavar="LANGUAGES", help="Save subtitles in these languages: en,de or all.", show_default=False),
    ] = None,
    automatic_subtitles: Annotated[
        bool, typer.Option("--automatic-subtitles", help="Save automatic subtitles too, if there are no others.")
    ] = False,
    subtitles_inside: Annotated[
        bool, typer.Option("--subtitles-inside", help="Embed them in the video file too, with the chapters.")
    ] = False,
    sponsorblock: Annotated[
        bool, typer.Option("--sponsorblock", help="Mark advertising in YouTube videos, so that the player can skip it.")
    ] = False,
    comments: Annotated[bool, typer.Option("--comments", help="Save up to 1,000 comments.")] = False,
    record_live: Annotated[
        bool, typer.Option("--record-live", help="Record live streams, instead of waiting until they end.")
    ] = False,
    name_template: Annotated[
        str | None,
        typer.Option(help="The template for file names, as for MEDIAVAULT_NAME_TEMPLATE.", show_default=False),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="TITLE", help="Add posts to this collection.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a profile, or change one of yours."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.profiles import Profile, language_tags
    from mediavault.presentation.views import profile_view
    from mediavault.store.profiles import save_profile

    profile = Profile(
        name,
        codecs=tuple(codec or ()),
        max_height=max_height,
        sound_only=sound_only,
        sound_codec=sound_codec,
        pictures=pictures,
        subtitles=language_tags(subtitles or ""),
        automatic_subtitles=automatic_subtitles,
        subtitles_inside=subtitles_inside,
        sponsorblock=sponsorblock,
        comments=comments,
        record_live=record_live,
        name_template=name_template,
        collection=collection,
    )
    saved = _with_records(lambda records, _: save_profile(records, profile))
    if as_json:
        print_json(profile_view(saved))
    else:
        out().print(f"{saved.name}: {_words(saved)}.", markup=False, highlight=False, soft_wrap=True)


def remove(name: Name, *, as_json: AsJson = False) -> None:
    """Remove a profile. Posts saved with it stay."""
    from mediavault.cli.output import out, print_json
    from mediavault.store.profiles import remove_profile

    _with_records(lambda records, now: remove_profile(records, name, now))
    if as_json:
        print_json({"removed": name})
    else:
        out().print(f"{name} was removed.", markup=False, highlight=False)


def _words(profile: Profile) -> str:
    from mediavault.presentation.labels import profile_words

    return profile_words(profile)


def _with_records(use: Callable[[Records, ChangeableSettings], Awaitable[T]]) -> T:
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.store.live_settings import LiveSettings

    settings = quiet_settings()

    async def run(store: Store) -> T:
        now = await LiveSettings(settings, store.records, SystemClock()).current()
        return await use(store.records, now)

    return asyncio.run(with_store(settings, run))
