"""The page about notifications, without a browser."""

from __future__ import annotations

import re
from datetime import timedelta

from mediavault.features.notifications.model import SCHEDULE
from mediavault.features.notifications.notifier import Notifier
from mediavault.features.notifications.records import all_targets
from mediavault.server.services import SendResult
from tests.http_vault import ApiVault
from tests.notification_stubs import StubSender

PAGE = "/notifications"
HOOK = "https://hooks.example/secret-path?key=hidden"
FIELDS: dict[str, str | list[str]] = {
    "url": HOOK,
    "name": "Shelf",
    "vault": "https://vault.example/",
    "event": ["job.saved", "job.failed"],
}


async def target_id(vault: ApiVault) -> str:
    return (await all_targets(vault.store.records))[-1].id


async def test_the_form_adds_a_target_and_shows_its_secret_once(vault: ApiVault) -> None:
    shown = await vault.client.submit(f"{PAGE}/targets", FIELDS)
    [target] = await all_targets(vault.store.records)

    assert target.secrets[0] in shown.text.replace("&#43;", "+")
    assert (target.vault, [str(event) for event in target.events]) == (
        "https://vault.example",
        ["job.saved", "job.failed"],
    )
    page = await vault.client.get(PAGE)
    assert "whsec_" not in page.text
    assert "secret-path" not in page.text
    assert "Shelf" in page.text


async def test_a_refused_form_keeps_what_was_typed(vault: ApiVault) -> None:
    refused = await vault.client.submit(
        f"{PAGE}/targets",
        {**FIELDS, "url": 'http://192.168.1.2/"><script>', "event": ["job.failed"]},
    )

    assert refused.status == 422
    assert "<script>" not in refused.text
    assert re.search(r'value="job.failed" checked', refused.text)
    assert not re.search(r'value="job.saved" checked', refused.text)


async def test_the_page_says_what_became_of_a_test(vault: ApiVault) -> None:
    await vault.client.submit(f"{PAGE}/targets", FIELDS)
    sender = vault.services.notification_sender
    assert isinstance(sender, StubSender)
    sender.results.appendleft(SendResult(404, "It answered 404."))
    tried = await vault.client.submit(f"{PAGE}/targets/{await target_id(vault)}/test")
    page = await vault.client.get(tried.headers["location"])
    assert "Not delivered." in page.text
    assert "It answered 404." in page.text
    again = re.search(r'action="(/notifications/deliveries/msg_\w+/send)"', page.text)
    assert again
    page = await vault.client.get((await vault.client.submit(again[1])).headers["location"])
    assert "Delivered." in page.text
    assert "Not delivered." not in page.text


async def test_the_page_says_since_when_a_target_fails_and_that_it_was_switched_off(
    vault: ApiVault,
) -> None:
    await vault.client.submit(f"{PAGE}/targets", {**FIELDS, "event": ["disk.low"]})
    notifier = Notifier(
        vault.store,
        vault.clock,
        StubSender(SendResult(500, "It answered 500.")),
        jitter=lambda: 0.0,
    )

    async def full() -> int | None:
        return 5

    notifier._low_disk = full
    await notifier.collect()
    await notifier.send_due()
    page = (await vault.client.get(PAGE)).text
    for words in ("Failing since", "next try", "1 message waiting", "It answered 500."):
        assert words in page
    notifier._low_disk = None
    for wait in SCHEDULE:
        vault.clock.advance(wait + timedelta(seconds=1))
        await notifier.send_due()
    page = (await vault.client.get(PAGE)).text
    assert "Switched off" in page
    await vault.client.submit(f"{PAGE}/targets/{await target_id(vault)}/resume")
    assert "Switched off" not in (await vault.client.get(PAGE)).text


async def test_events_are_changed_and_the_target_removed(vault: ApiVault) -> None:
    await vault.client.submit(f"{PAGE}/targets", FIELDS)
    own = f"{PAGE}/targets/{await target_id(vault)}"
    assert (await vault.client.submit(f"{own}/events", {"event": []})).status == 422
    await vault.client.submit(f"{own}/events", {"event": ["disk.low"]})
    await vault.client.submit(f"{own}/pause")
    [target] = await all_targets(vault.store.records)
    assert ([str(event) for event in target.events], target.paused) == (["disk.low"], True)
    rotated = await vault.client.submit(f"{own}/secret")
    assert "whsec_" in rotated.text
    await vault.client.submit(f"{own}/remove")
    assert await all_targets(vault.store.records) == []
