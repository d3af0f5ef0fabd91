"""``retention show | set | clear``: rules for deleting saved posts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import quiet_settings, with_store
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.store.port import Store

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
    from mediavault.core.clock import SystemClock, local
    from mediavault.core.messages import counted
    from mediavault.core.names import readable_name
    from mediavault.core.retention import REASONS
    from mediavault.presentation.labels import format_size
    from mediavault.presentation.retention import retention_view
    from mediavault.presentation.schemas import RetentionRuleView, RetentionView
    from mediavault.store.retention import make_plan, may_go_still, read_plan, retention_rules

    settings, clock = quiet_settings(), SystemClock()

    async def read(store: Store) -> RetentionView:
        rules, before = await retention_rules(store.records), (await read_plan(store.records)).plan
        plan = await make_plan(store, rules, clock, await free_for_videos(settings), before=before)
        jobs = await may_go_still(store, plan.listed[:limit], clock.now())
        return retention_view(rules, plan, jobs, today=local(clock.now()).date().isoformat())

    def line(rule: RetentionRuleView) -> str:
        parts = [
            f"saved at least {rule.days} days ago" if rule.days else "",
            f"watched at least {rule.watched_days} days ago" if rule.watched_days else "",
            f"all but the newest {rule.newest:,}" if rule.newest else "",
            f"less than {rule.free_gb:g} GB free" if rule.free_gb else "",
        ]
        state = f"on, at most {rule.most_a_day} posts per day for all rules" if rule.is_on else "only lists"
        return f"{rule.key:<16}  {'; '.join(filter(None, parts)) or 'keeps everything'}  ({state})"

    view = asyncio.run(with_store(settings, read))
    if as_json:
        print_json(view)
        return
    for rule in view.rules:
        out().print(line(rule), markup=False, highlight=False, soft_wrap=True)
    for post in view.posts:
        title = readable_name(post.job.display.title)
        text = f"{post.job.id}  {REASONS[post.why]}  {format_size(post.bytes)}  {title}"
        out().print(text, markup=False, highlight=False, soft_wrap=True)
    out().print(f"{counted(view.count, 'post', 'posts')} can be deleted, {format_size(view.bytes)}.", highlight=False)


def set_rule(
    key: RuleKey = "vault",
    *,
    days: Annotated[
        int | None, typer.Option(min=1, help="Delete posts this many days after they were saved.", show_default=False)
    ] = None,
    watched_days: Annotated[
        int | None,
        typer.Option(min=1, help="Delete posts this many days after they were watched to the end.", show_default=False),
    ] = None,
    newest: Annotated[
        int | None, typer.Option(min=1, help="Keep only this many, the most recently published.", show_default=False)
    ] = None,
    free_gb: Annotated[
        float | None,
        typer.Option(help="While less disk space is free, delete the posts saved first.", show_default=False),
    ] = None,
    on: Annotated[bool, typer.Option("--on", help="Move posts that have been listed for a day to the trash.")] = False,
    most_a_day: Annotated[int, typer.Option(min=1, help="How many posts all rules together may move per day.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Set a rule. Without a condition it keeps everything; without --on it only lists posts."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.retention import RetentionRule
    from mediavault.presentation.retention import rule_view
    from mediavault.store import retention

    rule = RetentionRule(days, newest, watched_days, free_gb, on, most_a_day)

    async def store_it(store: Store) -> None:
        await retention.set_rule(store, key, rule)

    asyncio.run(with_store(quiet_settings(), store_it))
    if as_json:
        print_json(rule_view(key, rule))
    else:
        out().print(
            "Set. `mediavault retention show` lists the posts that can be deleted.", markup=False, highlight=False
        )


def clear(key: RuleKey = "vault", *, as_json: AsJson = False) -> None:
    """Remove a rule."""
    from mediavault.cli.output import out, print_json
    from mediavault.store import retention

    async def remove(store: Store) -> None:
        await retention.set_rule(store, key, None)

    asyncio.run(with_store(quiet_settings(), remove))
    if as_json:
        print_json({"cleared": key})
    else:
        out().print("Cleared.")
