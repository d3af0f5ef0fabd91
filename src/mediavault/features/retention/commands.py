"""``retention show | set | clear``: rules for deleting saved posts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from mediavault.cli.context import quiet_settings, with_store
from mediavault.cli.options import AsJson
from mediavault.cli.record_options import changes_of
from mediavault.features.retention.model import REASONS, RetentionRule
from mediavault.features.retention.service import RetentionRules, RetentionRuleView

T = TypeVar("T")

RuleKey = Annotated[
    str,
    typer.Argument(
        metavar="[SOURCE]",
        help="The source's id, as `follow list` shows it. Default: the rule of the whole vault.",
        show_default=False,
    ),
]


def show(
    *,
    limit: Annotated[int, typer.Option(min=0, max=1_000, help="How many posts to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the rules and the posts that can be deleted now. Changes nothing."""
    from mediavault.app.storage import free_for_videos
    from mediavault.cli.output import out, print_json
    from mediavault.core.messages import counted
    from mediavault.core.names import readable_name
    from mediavault.presentation.labels import format_size

    free_bytes = asyncio.run(free_for_videos(quiet_settings()))
    view = _of_rules(lambda rules: rules.view_now(free_bytes, limit=limit))
    if as_json:
        print_json(view)
        return
    for rule in view.rules:
        out().print(_line(rule), markup=False, highlight=False, soft_wrap=True)
    for post in view.posts:
        title = readable_name(post.job.display.title)
        text = f"{post.job.id}  {REASONS[post.why]}  {format_size(post.bytes)}  {title}"
        out().print(text, markup=False, highlight=False, soft_wrap=True)
    out().print(
        f"{counted(view.count, 'post', 'posts')} can be deleted, {format_size(view.bytes)}.",
        highlight=False,
    )


def _line(rule: RetentionRuleView) -> str:
    parts = [
        f"saved at least {rule.days} days ago" if rule.days else "",
        f"watched at least {rule.watched_days} days ago" if rule.watched_days else "",
        f"all but the newest {rule.newest:,}" if rule.newest else "",
        f"less than {rule.free_gb:g} GB free" if rule.free_gb else "",
    ]
    state = (
        f"on, at most {rule.most_a_day} posts per day for all rules" if rule.is_on else "only lists"
    )
    return f"{rule.key:<16}  {'; '.join(filter(None, parts)) or 'keeps everything'}  ({state})"


@changes_of(RetentionRule)
def set_rule(
    settings: Mapping[str, Any], key: RuleKey = "vault", *, as_json: AsJson = False
) -> None:
    """Set a rule. Without a condition it keeps everything; without --on it only lists posts."""
    from mediavault.cli.output import out, print_json

    rule = _of_rules(lambda rules: rules.set(key, settings))
    if as_json:
        print_json(rule)
    else:
        out().print(
            "Set. `mediavault retention show` lists the posts that can be deleted.",
            markup=False,
            highlight=False,
        )


def clear(key: RuleKey = "vault", *, as_json: AsJson = False) -> None:
    """Remove a rule."""
    from mediavault.cli.output import out, print_json

    _of_rules(lambda rules: rules.remove(key))
    if as_json:
        print_json({"cleared": key})
    else:
        out().print("Cleared.")


def _of_rules(use: Callable[[RetentionRules], Awaitable[T]]) -> T:
    """Return what a function of the vault's rules returns."""
    from mediavault.core.clock import SystemClock

    return asyncio.run(
        with_store(quiet_settings(), lambda store: use(RetentionRules(store, SystemClock())))
    )
