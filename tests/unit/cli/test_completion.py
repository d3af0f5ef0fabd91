"""What shells offer while a command is typed."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable

import pytest

from mediavault.cli import completion
from mediavault.store.port import JobQuery
from tests.unit.cli.conftest import POST, Run, StubHouse

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what a shell is offered for a line that ends with what is being typed."""
    monkeypatch.setattr("mediavault.app.storage.is_new", lambda _: False)

    def lines(line: str, shell: str = "bash") -> list[str]:
        with monkeypatch.context() as patched:
            patched.setenv("_MEDIAVAULT_COMPLETE", f"complete_{shell}")
            patched.setenv("COMP_WORDS", line)
            patched.setenv("COMP_CWORD", str(line.count(" ")))
            patched.setenv("_TYPER_COMPLETE_ARGS", line)
            patched.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
            ended = run()
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split("\n")[:-1] if ended.out.strip() else []

    return lines


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(run: Run, shell: str) -> None:
    printed = run("completion", shell)

    assert printed.code == 0
    assert f"_MEDIAVAULT_COMPLETE=complete_{shell}" in printed.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=printed.out, text=True, check=True)


def test_commands_options_sites_profiles_and_states_are_completed(complete: Complete) -> None:
    assert complete("mediavault sh") == ["show"]
    assert complete("mediavault profile r") == ["remove"]
    assert complete("mediavault list --pl") == ["--platform"]
    assert complete("mediavault pause tik") == ["tiktok"]
    assert complete("mediavault list --state f") == ["failed"]
    assert complete("mediavault get --profile aud") == ["audio"]


def test_ids_of_the_latest_jobs_and_tags_are_completed(
    complete: Complete, run: Run, house: StubHouse
) -> None:
    run("add", POST)
    [job] = asyncio.run(house.store.catalogue.jobs(JobQuery())).jobs
    run("mark", job.id, "--tag", "night train", "--tag", "$(date)")

    assert complete("mediavault show ") == [job.id[:8]]
    assert complete(f"mediavault retry {job.id[:12]}") == [job.id]
    assert complete("mediavault show zz") == []
    assert complete("mediavault list --tag ni") == ["'night train'"]
    assert complete("mediavault list --tag ", "fish") == ["night train"]


def test_nothing_of_a_title_is_evaluated_by_a_shell(
    complete: Complete, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", POST)
    title = "A `date` \\`date\\` $(date) 'film'"
    monkeypatch.setattr("mediavault.presentation.labels.one_line", lambda _: title)
    offered = "".join(complete("mediavault show ", "zsh"))

    assert "A date date date film" in offered
    assert "`" not in offered
    assert "$" not in offered


def test_where_the_vault_cannot_be_read_nothing_is_offered_and_nothing_is_said(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("The disk is gone.")

    monkeypatch.setattr("mediavault.app.storage.open_store", broken)

    assert complete("mediavault show ") == []
    monkeypatch.setattr("mediavault.app.storage.is_new", lambda _: True)
    assert complete("mediavault show ") == []
    assert complete("mediavault get --profile aud") == ["audio"]
    monkeypatch.setenv("MEDIAVAULT_PORT", "many")
    assert complete("mediavault show ") == []


def test_a_slow_database_is_not_waited_for(
    complete: Complete, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: object) -> None:
        await asyncio.Future()

    monkeypatch.setattr(completion, "PATIENCE_S", 0.01)
    monkeypatch.setattr(house.store.catalogue, "jobs", never)

    assert complete("mediavault show ") == []
