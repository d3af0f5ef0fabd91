"""``profile list | add | remove``: how posts are saved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from mediavault.cli.options import AsJson
from mediavault.cli.record_options import changes_of
from mediavault.core.profiles import Profile
from mediavault.features.profiles.service import Profiles, ProfilesView, profile_view

T = TypeVar("T")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of the profile.", show_default=False)
]


def list_profiles(*, as_json: AsJson = False) -> None:
    """List the profiles and where each is the default."""
    from mediavault.cli.output import out, print_json

    async def read(profiles: Profiles) -> tuple[ProfilesView, dict[str, Profile]]:
        return await profiles.view(), await profiles.all()

    view, known = _of_profiles(read)
    if as_json:
        print_json(view)
        return
    for profile in known.values():
        sites = [site for site, name in view.sites.items() if name == profile.name]
        used = ", ".join([*(["the default"] if profile.name == view.default else []), *sites])
        line = f"{profile.name:<14}  {_words(profile)}{f'  ({used})' if used else ''}"
        out().print(line, markup=False, highlight=False, soft_wrap=True)


@changes_of(Profile)
def add(settings: Mapping[str, Any], name: Name, *, as_json: AsJson = False) -> None:
    """Add a profile, or change one of yours."""
    from mediavault.cli.output import out, print_json

    saved = _of_profiles(lambda profiles: profiles.save(name, settings))
    if as_json:
        print_json(profile_view(saved))
    else:
        out().print(
            f"{saved.name}: {_words(saved)}.", markup=False, highlight=False, soft_wrap=True
        )


def remove(name: Name, *, as_json: AsJson = False) -> None:
    """Remove a profile. Posts saved with it stay."""
    from mediavault.cli.output import out, print_json

    _of_profiles(lambda profiles: profiles.remove(name))
    if as_json:
        print_json({"removed": name})
    else:
        out().print(f"{name} was removed.", markup=False, highlight=False)


def _words(profile: Profile) -> str:
    from mediavault.presentation.labels import profile_words

    return profile_words(profile)


def _of_profiles(use: Callable[[Profiles], Awaitable[T]]) -> T:
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.store.live_settings import LiveSettings

    settings = quiet_settings()
    return asyncio.run(
        with_store(
            settings,
            lambda store: use(
                Profiles(store.records, LiveSettings(settings, store.records, SystemClock()))
            ),
        )
    )
