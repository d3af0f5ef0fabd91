"""Runs the checks: all at once, within one time limit,
and an error of a check becomes its finding.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mediavault.core.failures import MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.presentation.doctor_report import Check, DoctorVerdict

WITHIN_S = 45.0  # an unresponsive database hits its own deadline before this

Findings = Check | Sequence[Check] | None
Fact = TypeVar("Fact")
Read = Callable[[Settings], Coroutine[Any, Any, Fact]]

log = get_logger(__name__)


class Context:
    """What the checks of one run have in common."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._facts: dict[Callable[..., Any], asyncio.Task[Any]] = {}

    def shared(self, read: Read[Fact]) -> asyncio.Task[Fact]:
        """Return what ``read`` returns or raises; it is called once,
        however many checks need it.
        """
        if read not in self._facts:
            self._facts[read] = asyncio.create_task(read(self.settings))
        return self._facts[read]


Find = Callable[[Context], Findings | Awaitable[Findings]]


def about(read: Read[Fact | None], judge: Callable[[Fact], Findings]) -> Find:
    """Return a check of what ``read`` returns, which several checks may share;
    it finds nothing where that is None.
    """

    async def find(context: Context) -> Findings:
        fact = await context.shared(read)
        return judge(fact) if fact is not None else None

    return find


@dataclass(frozen=True, slots=True)
class Registered:
    """A check in the table. ``is_public``: its findings name neither hosts nor buckets,
    jobs, accounts or other machines.
    """

    name: str
    group: str
    find: Find
    is_public: bool = False


async def run_checks(registered: Sequence[Registered], settings: Settings) -> list[Check]:
    """Return the findings of all checks in their order.

    An error that several checks share, such as that of a database that is away, is reported by the
    first of them.
    """
    context = Context(settings)
    tasks = [asyncio.create_task(_find(each, context)) for each in registered]
    try:
        await asyncio.wait(tasks, timeout=WITHIN_S)
        reported: set[str] = set()
        return [
            check
            for each, task in zip(registered, tasks, strict=True)
            for check in _ended(each, task, reported)
        ]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _find(registered: Registered, context: Context) -> list[Check]:
    try:
        found = registered.find(context)
        if inspect.isawaitable(found):
            found = await found
    except MediavaultError:
        raise
    except Exception as exc:
        log.exception("doctor_check_failed", check=registered.name)
        fact = Message("the check itself failed: %(error)s", error=f"{type(exc).__name__}: {exc}")
        advice = Message("Report it, with the file that `mediavault doctor --bundle FILE` writes.")
        return [_failed(registered, fact, advice)]
    checks = [found] if isinstance(found, Check) else found or ()
    name, group, is_public = registered.name, registered.group, registered.is_public
    return [replace(check, name=name, group=group, is_public=is_public) for check in checks]


def _ended(
    registered: Registered, task: asyncio.Task[list[Check]], reported: set[str]
) -> list[Check]:
    """Return the findings of a task; ``reported`` has the errors that other checks had as well."""
    if not task.done():
        fact = Message("not finished within %(seconds)d s", seconds=WITHIN_S)
        return [_failed(registered, fact, Message("Try again when the machine is less busy."))]
    if (error := task.exception()) is None:
        return task.result()
    assert isinstance(error, MediavaultError), "the others are caught"
    if error.message in reported:
        return []
    reported.add(error.message)
    return [_failed(registered, error.message, error.help)]


def _failed(registered: Registered, fact: str, advice: str) -> Check:
    return Check(registered.name, DoctorVerdict.BROKEN, fact, advice, registered.group)
