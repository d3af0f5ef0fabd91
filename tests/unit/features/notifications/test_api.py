"""``/api/notifications``: targets, tests and deliveries."""

from __future__ import annotations

import base64
import logging

import pytest

from mediavault.core.records import RecordKind
from mediavault.server.services import SendResult
from tests.http_vault import TOKEN, ApiVault, MakeVault
from tests.notification_stubs import StubSender

HOOK = "https://hooks.example/secret-path?key=hidden"
TARGETS = "/api/notifications/targets"


def sender_of(vault: ApiVault) -> StubSender:
    sender = vault.services.notification_sender
    assert isinstance(sender, StubSender)
    return sender


async def test_a_webhook_is_added_with_a_secret_that_is_shown_once(vault: ApiVault) -> None:
    added = await vault.client.post(
        TARGETS, {"url": HOOK, "name": "  Shelf  display ", "events": ["job.saved"]}
    )

    assert added.status == 201
    target = added.json()
    assert len(base64.b64decode(target["secret"].removeprefix("whsec_"))) == 32
    assert (target["name"], target["url"], target["state"]) == (
        "Shelf display",
        "https://hooks.example/…",
        "new",
    )
    assert target["vault"] == "http://127.0.0.1:8420"
    listed = await vault.client.get("/api/notifications")
    assert "secret" not in listed.json()["targets"][0]
    assert target["secret"] not in listed.text
    assert "secret-path" not in listed.text + added.text
    assert sender_of(vault).sent == []


async def test_a_token_behind_an_https_proxy_adds_targets_with_https_links(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN, host_names=["vault.example"], base_path="/mv")
    by_token = {"authorization": f"Bearer {TOKEN}", "host": "vault.example"}
    added = await vault.client.post(f"/mv{TARGETS}", {"url": HOOK}, **by_token)

    assert added.json()["vault"] == "https://vault.example/mv"


async def test_an_apprise_url_has_no_secret_and_is_not_shown(vault: ApiVault) -> None:
    added = (await vault.client.post(TARGETS, {"url": "ntfy://token@ntfy.example/videos"})).json()

    assert (added["secret"], added["url"], added["service"], added["kind"]) == (
        None,
        "ntfy://…",
        "ntfy",
        "apprise",
    )
    refused = await vault.client.post(f"{TARGETS}/{added['id']}/secret")
    assert (refused.status, refused.json()["code"]) == (422, "BAD_REQUEST")


async def test_a_test_says_at_once_whether_the_target_takes_messages(vault: ApiVault) -> None:
    target = (await vault.client.post(TARGETS, {"url": HOOK})).json()
    sender_of(vault).results.appendleft(SendResult(500, "It answered 500."))
    failed = (await vault.client.post(f"{TARGETS}/{target['id']}/test")).json()
    good = (await vault.client.post(f"{TARGETS}/{target['id']}/test")).json()

    assert (failed["state"], failed["problem"], failed["status"]) == (
        "failed",
        "It answered 500.",
        500,
    )
    assert good["state"] == "delivered"
    again = (await vault.client.post(f"/api/notifications/deliveries/{failed['id']}/send")).json()
    assert again["state"] == "delivered"
    ids = [
        delivery["id"]
        for delivery in (await vault.client.get("/api/notifications")).json()["deliveries"]
    ]
    assert failed["id"] in ids


async def test_a_target_is_changed_paused_resumed_and_removed(vault: ApiVault) -> None:
    target = f"{TARGETS}/{(await vault.client.post(TARGETS, {'url': HOOK})).json()['id']}"
    changed = (
        await vault.client.patch(target, {"name": "Other", "events": ["disk.low"], "paused": True})
    ).json()
    assert (changed["name"], changed["events"], changed["state"]) == (
        "Other",
        ["disk.low"],
        "paused",
    )
    assert (await vault.client.patch(target, {"paused": False})).json()["state"] == "new"
    rotated = (await vault.client.post(f"{target}/secret")).json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["two_secrets_until"] is not None
    assert (await vault.client.request("DELETE", target)).status == 204
    assert (await vault.client.request("DELETE", target)).status == 404
    assert (await vault.client.get("/api/notifications")).json() == {
        "targets": [],
        "deliveries": [],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://hooks.example/"},
        {"url": "http://192.168.1.20/"},
        {"url": HOOK, "events": []},
        {"url": HOOK, "events": ["nonesuch"]},
        {"url": HOOK, "vault": "javascript:alert(1)"},
        {"url": HOOK, "paused": True},
        {"url": HOOK, "private": "yes"},
        {"url": HOOK, "more": 1},
        {},
    ],
)
async def test_what_cannot_be_a_target_is_refused(vault: ApiVault, body: dict[str, object]) -> None:
    response = await vault.client.post(TARGETS, body)

    assert response.status == 422
    assert await vault.store.records.all(RecordKind.NOTIFY_TARGET) == []


@pytest.mark.parametrize("name", ["nonesuch", "%00", "..%2F..", "$ne", "%ED%A0%80", "x" * 65])
async def test_an_unknown_id_is_not_found(vault: ApiVault, name: str) -> None:
    for method, path in (
        ("PATCH", f"{TARGETS}/{name}"), ("DELETE", f"{TARGETS}/{name}"),
        ("POST", f"{TARGETS}/{name}/test"), ("POST", f"{TARGETS}/{name}/secret"), ("POST", (
            f"/api/notifications/deliveries/{name}/send"
        )),
    ):  # fmt: skip
        response = await vault.client.request(
            method,
            path,
            body=b"{}" if method == "PATCH" else b"",
            headers={"content-type": "application/json"},
        )
        assert response.status in (404, 422), (method, path)


async def test_there_are_at_most_twenty_targets(vault: ApiVault) -> None:
    for number in range(20):
        assert (
            await vault.client.post(TARGETS, {"url": f"https://hooks.example/{number}"})
        ).status == 201
    assert (await vault.client.post(TARGETS, {"url": HOOK})).status == 422


async def test_a_token_that_only_reads_sees_no_target(make_vault: MakeVault) -> None:
    vault = make_vault(token="mv_a-long-random-token")
    authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    from mediavault.auth.permissions import Scope

    token, _ = await authenticator.tokens.add("reader", Scope.READ, lives=None)
    assert (
        await vault.client.get("/api/notifications", authorization=f"Bearer {token}")
    ).status == 403
    assert (await vault.client.get("/notifications", authorization=f"Bearer {token}")).status == 403


async def test_the_log_has_neither_the_url_nor_the_secret(
    vault: ApiVault, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sender_of(vault).results.appendleft(SendResult(500, "It answered 500."))
    target = (await vault.client.post(TARGETS, {"url": HOOK})).json()
    await vault.client.post(f"{TARGETS}/{target['id']}/test")
    await vault.client.post(f"{TARGETS}/{target['id']}/secret")
    text = "".join(capfd.readouterr()) + caplog.text

    assert target["id"] in text
    assert "secret-path" not in text
    assert "whsec_" not in text
