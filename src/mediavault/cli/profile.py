"""``profile list | add | remove``: the forms in which posts are saved."""

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
    """List the profiles; the one of posts without one is marked."""
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
            help="Take this codec before any other: h264, hevc, vp9 or av1. Repeat it for a second choice.",
            show_default=False,
        ),
    ] = None,
    max_height: Annotated[
        int | None, typer.Option(metavar="LINES", help="Nothing larger, as in 1080.", show_default=False)
    ] = None,
    sound_only: Annotated[bool, typer.Option("--sound-only", help="The sound without the picture.")] = False,
    pictures: Annotated[bool, typer.Option("--pictures", help="The pictures of a post too.")] = False,
    subtitles: Annotated[
        str | None,
        typer.Option(metavar="LANGUAGES", help="Keep these subtitles: en,de or all.", show_default=False),
    ] = None,
    automatic_subtitles: Annotated[
        bool, typer.Option("--automatic-subtitles", help="Those that a machine wrote too, where there are no others.")
    ] = False,
    subtitles_inside: Annotated[
        bool, typer.Option("--subtitles-inside", help="In the video's file as well, with the chapters.")
    ] = False,
    sponsorblock: Annotated[
        bool, typer.Option("--sponsorblock", help="Mark advertising in YouTube videos, to skip it in the player.")
    ] = False,
    comments: Annotated[bool, typer.Option("--comments", help="Keep the comments, up to 1,000.")] = False,
    record_live: Annotated[
        bool, typer.Option("--record-live", help="Record streams that are running, instead of waiting for their end.")
    ] = False,
    name_template: Annotated[
        str | None, typer.Option(help="The file's name, as in MEDIAVAULT_NAME_TEMPLATE.", show_default=False)
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="TITLE", help="Add the posts to this collection.", show_default=False)
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
    """Remove a profile. What was saved with it stays."""
    from mediavault.cli.output import out, print_json
    from mediavault.store.profiles import remove_profile

    _with_records(lambda records, now: remove_profile(records, name, now))
    if as_json:
        print_json({"removed": name})
    else:
        out().print(f"{name} is removed.", markup=False, highlight=False)


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
