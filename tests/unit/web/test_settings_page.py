"""The settings: each field is validated and says what is wrong with it, the environment wins, and
every change can be reset.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.features.media_servers.records import TakenCall, note_outcome
from mediavault.store.holds import day_of
from mediavault.web.pages.settings import OF_SITES
from mediavault.web.places import section_of
from tests.http_vault import ApiVault, MakeVault

HOSTILE = "<script>alert(1)</script>{id}"


@pytest.mark.parametrize("name", list(ChangeableSettings.model_fields))
async def test_every_setting_has_a_field_in_its_section_and_a_link_that_leads_there(
    vault: ApiVault, name: str
) -> None:
    section = section_of(name)
    control = f"{OF_SITES[name][0]}tiktok" if name in OF_SITES else name
    index = await vault.client.get("/settings")
    page = await vault.client.get(f"/settings/{section}")

    assert f'href="/settings/{section}#field-{name}"' in index.text
    assert f'id="field-{name}"' in page.text
    assert f'name="{control}"' in page.text
    assert (await vault.client.get("/settings/nowhere")).status == 404


async def test_a_saved_setting_applies_and_shows_when_and_from_where_it_was_changed(
    vault: ApiVault,
) -> None:
    answer = await vault.client.submit(
        "/settings",
        {
            "concurrency": "5",
            "max_attempts": "5",
            "profile": "compatible",
            "profile.x": "audio",
            "pace.tiktok": "2,5",
            "pace.x": "1",
        },
    )
    page = await vault.client.get("/settings/downloads?saved=true")
    now = await vault.services.live.current()

    assert answer.status == 303
    assert answer.headers["location"] == "/settings/downloads?saved=true#field-concurrency"
    assert (now.concurrency, now.profile, now.pace) == (5, "compatible", {"tiktok": 2.5})
    assert now.site_profiles == {"x": "audio"}
    assert "✓ Saved" in page.text
    assert page.text.count('formaction="/settings/') == 2
    assert "Default: 3" in page.text


async def test_a_form_is_saved_whole_or_not_at_all_when_the_store_fails(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vault.services.live.change("retention_days", 30, by="owner")
    before = await vault.services.live.changes()
    writes = 0

    def failing_after_one(
        write: Callable[..., Awaitable[object]],
    ) -> Callable[..., Awaitable[object]]:
        async def counted(*values: object, **more: object) -> object:
            nonlocal writes
            writes += 1
            if writes > 1:
                raise StoreError("killed")
            return await write(*values, **more)

        return counted

    for name in ("put", "put_all", "remove"):
        monkeypatch.setattr(
            vault.store.records, name, failing_after_one(getattr(vault.store.records, name))
        )
    form = {"concurrency": "5", "max_attempts": "8", "retention_days": "0"}
    status = (await vault.client.submit("/settings", form)).status
    changed = {name: change.value for name, change in (await vault.services.live.changes()).items()}

    assert (status, changed) in [
        (303, {"concurrency": 5, "max_attempts": 8}),
        (503, {name: change.value for name, change in before.items()}),
    ]


async def test_what_may_be_taken_of_the_line_is_saved_in_one_form(vault: ApiVault) -> None:
    sent = {
        "bandwidth": "08:00-23:00 2mb/s; 20 MB/s",
        "bandwidth.x": "8 Mbit/s",
        "bandwidth.tiktok": "",
        "quiet_hours": "Only 23:00 - 07:00",
        "daily_volume_gb": "1,5",
    }
    answer = await vault.client.submit("/settings", sent)
    now = await vault.services.live.current()

    assert answer.status == 303
    assert (now.bandwidth, now.site_bandwidth) == ("20 MB/s; 08:00-23:00 2 MB/s", {"x": "1 MB/s"})
    assert (now.quiet_hours, now.daily_volume_gb) == ("only 23:00-07:00", 1.5)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("bandwidth", "fast", "is not a valid speed: use 2 MB/s"),
        ("bandwidth.x", "fast", "Enter a speed, such as 1 MB/s."),
        ("bandwidth.nowhere", "1 MB/s", "Enter a speed, such as 1 MB/s."),
        ("quiet_hours", "at night", "is not a valid time range: use 23:00-07:00"),
        ("daily_volume_gb", "much", "Enter a number, such as 50 or 1.5; empty for no limit."),
    ],
)
async def test_what_is_wrong_with_a_limit_is_said_at_its_field(
    vault: ApiVault, field: str, value: str, complaint: str
) -> None:
    answer = await vault.client.submit("/settings", {field: value})

    assert answer.status == 422
    assert complaint in answer.text
    assert await vault.store.records.all(RecordKind.SETTING) == []


async def test_the_page_says_which_limit_is_in_force_and_what_was_downloaded_today(
    vault: ApiVault,
) -> None:
    await vault.services.live.change("bandwidth", "2 MB/s", by="owner")
    day = day_of(vault.services.clock.now())
    await vault.store.records.put(RecordKind.VOLUME, f"{day}/w-1", {"bytes": 3_200_000_000})
    page = await vault.client.get("/settings/speed")

    assert "Now 2 MB/s." in page.text
    assert "Downloaded today: 3.2 GB." in page.text


async def test_an_unchanged_field_is_not_saved(vault: ApiVault) -> None:
    await vault.client.submit(
        "/settings", {"concurrency": "3", "name_template": "{date} {title} [{id}]"}
    )

    assert await vault.store.records.all(RecordKind.SETTING) == []


async def test_setting_a_field_back_by_hand_is_a_reset(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"concurrency": "5"})
    await vault.client.submit("/settings", {"concurrency": "3"})

    assert await vault.store.records.all(RecordKind.SETTING) == []
    assert (await vault.services.live.current()).concurrency == 3


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("concurrency", "0", "Enter a whole number from 1 to 64."),
        ("concurrency", "many", "Enter a whole number from 1 to 64."),
        ("max_attempts", "", "Enter a whole number from 1 to 100."),
        ("profile", "worst", "Choose one of these."),
        ("profile.x", "worst", "Choose one of these."),
        ("layout", "worst", "Choose one of these."),
        ("nfo", "worst", "Choose one of these."),
        ("name_template", "{title}", "Add {id} to the file&#39;s name"),
        ("name_template", "../{id}", "not allowed in file names"),
        ("first_player_sites", "news example/ftp://", "is not a host name, such as news.example"),
        ("pace.tiktok", "0.1", "Enter a number from 1 to 20."),
        ("pace.nonsense", "2", "Enter a number from 1 to 20."),
        ("retention_days", "-1", "Enter a whole number from 0 to 3650."),
    ],
)
async def test_an_invalid_value_is_reported_at_its_field_and_nothing_is_saved(
    vault: ApiVault, field: str, value: str, says: str
) -> None:
    good = {"concurrency": "5", "retention_days": "9"}
    page = await vault.client.submit("/settings", {**good, field: value})

    assert page.status == 422
    assert says in page.text
    assert 'aria-invalid="true"' in page.text
    assert "Not saved." in page.text
    assert await vault.store.records.all(RecordKind.SETTING) == []


async def test_the_typed_value_is_shown_as_text(vault: ApiVault) -> None:
    page = await vault.client.submit("/settings", {"name_template": HOSTILE})

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{id}" in page.text


async def test_a_field_can_be_reset_to_its_default(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"concurrency": "5", "pace.x": "2"})
    answer = await vault.client.submit("/settings/concurrency/reset", {"concurrency": "5"})

    assert (answer.status, answer.headers["location"]) == (
        303,
        "/settings/downloads?saved=true#field-concurrency",
    )
    assert [record.key for record in await vault.store.records.all(RecordKind.SETTING)] == ["pace"]
    assert (await vault.client.submit("/settings/token/reset")).status == 404


async def test_a_value_from_the_environment_is_shown_and_cannot_be_changed(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(concurrency=4)
    page = await vault.client.get("/settings/downloads")
    await vault.client.submit("/settings", {"concurrency": "9", "max_attempts": "7"})
    refused = await vault.client.submit("/settings/concurrency/reset")
    now = await vault.services.live.current()

    assert "MEDIAVAULT_CONCURRENCY" in page.text
    assert "disabled" in page.text
    assert (now.concurrency, now.max_attempts) == (4, 7)
    assert refused.status == 403


async def test_layout_and_nfos_can_be_chosen(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"layout": "shows", "nfo": "false"})
    now, page = await vault.services.live.current(), await vault.client.get("/settings/files")
    refused = await vault.client.submit("/settings", {"nfo": "true", "layout": "worst"})

    assert (now.layout, now.nfo) == ("shows", False)
    assert 'name="layout" value="shows" checked' in page.text
    assert '<option value="false" selected>Off' in page.text
    assert '<option value="true" selected>On' in refused.text


async def test_the_media_server_is_named_with_its_last_call_and_without_its_token(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(
        media_server="jellyfin",
        media_server_url="http://nas.lan:8096",
        media_server_token="s3cret-t0ken",
    )
    page = (await vault.client.get("/settings/files")).text
    taken = TakenCall(1, vault.clock.now())
    error = Message("The server refuses the token (HTTP %(status)d).", status=401)
    await note_outcome(vault.store.records, vault.services.clock, taken, error)
    failed = (await vault.client.get("/settings/files")).text
    await note_outcome(vault.store.records, vault.services.clock, taken, None)
    notified = (await vault.client.get("/settings/files")).text

    assert "Jellyfin" in page
    assert "http://nas.lan:8096" in page
    assert "failed: The server refuses the token (HTTP 401)." in failed
    assert "Last notified" in notified
    assert "s3cret" not in page + failed + notified


async def test_the_next_job_gets_the_configured_number_of_attempts(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"max_attempts": "9"})
    answer = await vault.client.post("/api/jobs", {"post_url": "https://videos.example/watch/1"})

    assert answer.json()["max_attempts"] == 9


async def test_a_file_name_is_previewed_while_its_template_is_typed(vault: ApiVault) -> None:
    fine = await vault.client.get("/settings/name?name_template=%7Byear%7D%20%7Bid%7D")
    wrong = await vault.client.get("/settings/name?name_template=%7Btitle%7D")

    assert "2026 7571863205253778710.mp4" in fine.text
    assert "Add {id} to the file&#39;s name" in wrong.text
    assert "<html" not in fine.text


async def test_another_sites_form_changes_nothing(vault: ApiVault) -> None:
    answer = await vault.client.submit(
        "/settings", {"concurrency": "5"}, sec_fetch_site="cross-site"
    )

    assert answer.status == 403
    assert await vault.store.records.all(RecordKind.SETTING) == []
