"""``notify add | list | test | remove``: the targets of notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mediavault.cli.options import AsJson
from mediavault.cli.record_options import changes_of
from mediavault.features.notifications.model import TargetSettings, TargetValues

if TYPE_CHECKING:
    from mediavault.features.notifications.service import Notifications
    from mediavault.store.port import Store

T = TypeVar("T")

Target = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The target's id, as `notify list` shows it.", show_default=False
    ),
]


@changes_of(TargetSettings)
def add(
    values: TargetValues,
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="A webhook URL or an Apprise URL.", show_default=False),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Add a target. A webhook's secret is shown only once."""
    from mediavault.cli.output import print_json
    from mediavault.core.clock import SystemClock
    from mediavault.features.notifications.views import target_view, with_secret

    target = _notifications(lambda notifications: notifications.add(url, values))
    if as_json:
        print_json(with_secret(target_view(target, [], SystemClock().now()), target))
        return
    _print(f"{target.id}  {target.masked_url}")
    for secret in target.secrets:
        _print(f"Its secret, which is shown only once: {secret}")


def list_targets(*, as_json: AsJson = False) -> None:
    """List the targets and their states. Secrets are not shown."""
    from mediavault.cli.output import print_json
    from mediavault.core.names import readable_name

    view = _notifications(lambda notifications: notifications.view())
    if as_json:
        print_json({"targets": [target.model_dump(mode="json") for target in view.targets]})
        return
    for target in view.targets:
        _print(
            f"{target.id}  {target.state:<8}  {target.url}  {readable_name(target.name)}".rstrip()
        )
    if not view.targets:
        _print("No targets.")


def send_test(target: Target, *, as_json: AsJson = False) -> None:
    """Send a test to a target; exit code 1 if it is not delivered."""
    from mediavault.cli.options import EXIT_JOB_FAILED, Exit
    from mediavault.cli.output import print_json
    from mediavault.features.notifications.views import delivery_view

    delivery = delivery_view(_notifications(lambda notifications: notifications.test(target)))
    if as_json:
        print_json(delivery)
    else:
        _print(delivery.problem or "Delivered.")
    if delivery.state != "delivered":
        raise Exit(EXIT_JOB_FAILED)


def remove(target: Target, *, as_json: AsJson = False) -> None:
    """Remove a target and its deliveries."""
    from mediavault.cli.output import print_json

    _notifications(lambda notifications: notifications.remove(target))
    if as_json:
        print_json({"removed": target})
    else:
        _print(f"Removed {target}.")


def _print(line: str) -> None:
    from mediavault.cli.output import out

    out().print(line, markup=False, highlight=False, soft_wrap=True)


def _notifications(use: Callable[[Notifications], Awaitable[T]]) -> T:
    from mediavault.app.notifying import open_notifier
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.features.notifications.service import Notifications

    settings, clock = quiet_settings(), SystemClock()

    async def run(store: Store) -> T:
        async with open_notifier(settings, store, clock) as notifier:
            return await use(Notifications(store, clock, notifier.sender))

    return asyncio.run(with_store(settings, run))
