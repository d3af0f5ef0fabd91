"""The doctor's check of the media server that is told of saved videos."""

from __future__ import annotations

from contextlib import suppress

from mediavault.app import storage
from mediavault.app.clients import open_media_server
from mediavault.core.failures import MediavaultError, StoreError
from mediavault.core.settings import Settings
from mediavault.features.media_servers.records import last_call
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext, translated

NAME = "Media server"


async def check_media_server(settings: Settings) -> list[Check]:
    """Ask the media server something, and report the last call to it; nothing without one."""
    try:
        async with open_media_server(settings) as connection:
            if connection is None:
                return []
            error = await connection.check()
    except MediavaultError as exc:
        return [Check(NAME, DoctorVerdict.BROKEN, exc.message, exc.help)]
    facts = {"server": settings.media_server and settings.media_server.label, "url": settings.media_server_url}
    if error is not None:
        fact = gettext("%(server)s at %(url)s: %(error)s") % {**facts, "error": translated(error)}
        help_ = gettext("Check its address and its token; saving is not affected.")
        return [Check(NAME, DoctorVerdict.WARNING, fact, help_)]
    last = None
    with suppress(StoreError):  # another check reports it
        async with storage.open_store(settings) as store:
            last = await last_call(store.records)
    if last is not None and last.error is not None:
        fact = gettext("%(server)s at %(url)s answers, but the last call failed: %(error)s")
        fact %= {**facts, "error": translated(last.error)}
        return [Check(NAME, DoctorVerdict.WARNING, fact, gettext("It is called again after the next saved video."))]
    return [Check(NAME, DoctorVerdict.OK, gettext("%(server)s at %(url)s answers") % facts)]
