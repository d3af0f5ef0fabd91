"""``notify add | list | test | remove``: the targets of notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.core.clock import Clock
    from mediavault.notifications.notifier import Notifier
    from mediavault.notifications.targets import NotificationTarget
    from mediavault.presentation.schemas import TargetWithSecretView
    from mediavault.store.port import Store

T = TypeVar("T")

Target = Annotated[
    str, typer.Argument(metavar="ID", help="The target's id, as `notify list` shows it.", show_default=False)
]
EVENTS = (
    "job.saved, job.failed, job.needs_you, job.damaged, session.sign_in_needed, disk.low or retention.deleted; may be repeated."
    " Default: all."
)


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="A webhook URL or an Apprise URL.", show_default=False)],
    events: Annotated[list[str] | None, typer.Option("--event", metavar="EVENT", help=EVENTS)] = None,
    name: Annotated[str, typer.Option("--name", help="The name shown on the page.")] = "",
    *,
    private: Annotated[
        bool, typer.Option("--private", help="Allow a private address for its host, if it is on your own network.")
    ] = False,
    vault: Annotated[str, typer.Option("--vault", metavar="ADDRESS", help="The vault's address in links.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a target. A webhook's secret is shown only once."""
    from mediavault.cli.output import out, print_json
    from mediavault.notifications.targets import EventKind, add_target, events_of
    from mediavault.notifications.views import target_view, with_secret

    wanted = events_of(events) if events else tuple(EventKind)

    async def add_it(store: Store, clock: Clock, notifier: Notifier) -> tuple[NotificationTarget, TargetWithSecretView]:
        target = await add_target(
            store.records, clock, notifier.sender, url=url, name=name, events=wanted, private=private, vault=vault
        )
        return target, with_secret(target_view(target, [], clock.now()), target)

    target, view = _with_notifier(add_it)
    if as_json:
        print_json(view)
        return
    out().print(f"{target.id}  {target.masked_url}", markup=False, highlight=False, soft_wrap=True)
    for secret in target.secrets:
        out().print(f"Its secret, which is shown only once: {secret}", markup=False, highlight=False, soft_wrap=True)


def list_targets(*, as_json: AsJson = False) -> None:
    """List the targets and their states. Secrets are not shown."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.names import readable_name
    from mediavault.notifications.deliveries import all_deliveries
    from mediavault.notifications.targets import all_targets
    from mediavault.notifications.views import target_view
    from mediavault.presentation.schemas import TargetView

    async def read(store: Store, clock: Clock, _: Notifier) -> list[TargetView]:
        deliveries = await all_deliveries(store.records)
        return [target_view(target, deliveries, clock.now()) for target in await all_targets(store.records)]

    targets = _with_notifier(read)
    if as_json:
        print_json({"targets": [target.model_dump(mode="json") for target in targets]})
        return
    for target in targets:
        words = f"{target.id}  {target.state:<8}  {target.url}  {readable_name(target.name)}".rstrip()
        out().print(words, markup=False, highlight=False, soft_wrap=True)
    if not targets:
        out().print("No targets.")


def send_test(target: Target, *, as_json: AsJson = False) -> None:
    """Send a test to a target; exit code 1 if it is not delivered."""
    from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
    from mediavault.cli.output import out, print_json
    from mediavault.notifications.views import delivery_view

    delivery = delivery_view(_with_notifier(lambda _, __, notifier: notifier.test(target)))
    if as_json:
        print_json(delivery)
    else:
        out().print(delivery.problem or "Delivered.", markup=False, highlight=False, soft_wrap=True)
    if delivery.state != "delivered":
        raise Exit(EXIT_JOB_FAILED)


def remove(target: Target, *, as_json: AsJson = False) -> None:
    """Remove a target and its deliveries."""
    from mediavault.cli.output import out, print_json
    from mediavault.notifications.targets import remove_target

    _with_notifier(lambda store, _, __: remove_target(store.records, target))
    if as_json:
        print_json({"removed": target})
    else:
        out().print(f"Removed {target}.", markup=False, highlight=False)


def _with_notifier(use: Callable[[Store, Clock, Notifier], Awaitable[T]]) -> T:
    from mediavault.app.notifying import open_notifier
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock

    settings, clock = quiet_settings(), SystemClock()

    async def run(store: Store) -> T:
        async with open_notifier(settings, store, clock) as notifier:
            return await use(store, clock, notifier)

    return asyncio.run(with_store(settings, run))
