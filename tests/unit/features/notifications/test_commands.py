"""``mediavault notify``: targets on the command line."""

from __future__ import annotations

import pytest

from mediavault.app.notifying import GuardedSender
from mediavault.server.services import SendResult
from tests.unit.cli.conftest import Run

HOOK = "https://hooks.example/secret-path?key=hidden"


def test_a_webhook_is_added_listed_and_removed(run: Run) -> None:
    assert run("notify", "list").out == "No targets.\n"
    added = run("notify", "add", HOOK, "--event", "disk.low", "--name", "Shelf", "--json").json()
    assert (added["events"], added["name"], added["private"]) == (["disk.low"], "Shelf", False)
    assert added["secret"].startswith("whsec_")

    listed = run("notify", "list")
    assert listed.out == f"{added['id']}  new       https://hooks.example/…  Shelf\n"
    [target] = run("notify", "list", "--json").json()["targets"]
    assert {**target, "secret": added["secret"]} == added
    assert run("notify", "remove", added["id"]).out == f"Removed {added['id']}.\n"
    assert run("notify", "remove", added["id"]).code == 2


def test_the_secret_is_printed_once_and_all_events_are_the_default(run: Run) -> None:
    added = run("notify", "add", HOOK, "--private")
    assert "Its secret, which is shown only once: whsec_" in added.out
    [target] = run("notify", "list", "--json").json()["targets"]
    assert (len(target["events"]), target["private"], target["vault"]) == (7, True, "")


def test_a_bad_value_is_refused(run: Run) -> None:
    refused = run("notify", "add", HOOK, "--event", "nonesuch")
    assert (refused.code, "Unknown event." in refused.err) == (2, True)
    assert run("notify", "list").out == "No targets.\n"


def test_a_test_that_is_not_delivered_ends_with_1(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [SendResult(500, "It answered 500."), SendResult(204)]

    async def post(*_: object, **__: object) -> SendResult:
        return results.pop(0)

    monkeypatch.setattr(GuardedSender, "post", post)
    target = run("notify", "add", HOOK, "--json").json()["id"]
    failed, good = run("notify", "test", target), run("notify", "test", target)

    assert (failed.code, failed.out) == (1, "It answered 500.\n")
    assert (good.code, good.out) == (0, "Delivered.\n")
