"""The doctor's checks: the table of all, in the order in which a user would fix the problems."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.app.doctor import machine, programs, vault
from mediavault.app.doctor.machine import read_isolation
from mediavault.app.doctor.runner import Registered, about, run_checks
from mediavault.app.doctor.vault import read_postgres, read_store
from mediavault.core.settings import Settings
from mediavault.presentation.doctor_report import BROWSER, JOBS, LIBRARY, MACHINE, SITES, Check
from mediavault.presentation.translation import N_

# "Jobs" is the first of those that need the store: it reports a store that cannot be opened.
CHECKS: Sequence[Registered] = (
    Registered("Python", MACHINE, machine.python, is_public=True),
    Registered(N_("System"), MACHINE, machine.system, is_public=True),
    Registered("SQLite", MACHINE, machine.sqlite, is_public=True),
    Registered(N_("Settings"), MACHINE, machine.variables, is_public=True),
    Registered(N_("Address"), MACHINE, machine.address),
    Registered(N_("Proxy"), MACHINE, machine.proxies),
    Registered(N_("State folder"), MACHINE, machine.state_folder),
    Registered(N_("Download folder"), MACHINE, machine.download_folder),
    Registered(N_("Library"), LIBRARY, vault.library),
    Registered(N_("Disk space"), MACHINE, machine.space, is_public=True),
    Registered(
        N_("Helper processes"), MACHINE, about(read_isolation, machine.helpers), is_public=True
    ),
    Registered(N_("Browser"), BROWSER, programs.browser, is_public=True),
    Registered(N_("Browser sandbox"), BROWSER, programs.sandbox, is_public=True),
    Registered(N_("Signing in"), BROWSER, programs.sign_in_window, is_public=True),
    Registered(N_("Sign-ins"), BROWSER, programs.sign_ins),
    Registered("yt-dlp", SITES, programs.ytdlp, is_public=True),
    Registered(N_("yt-dlp's parts"), SITES, programs.ytdlp_parts, is_public=True),
    Registered(
        N_("yt-dlp's network"), SITES, about(read_isolation, machine.ytdlp_network), is_public=True
    ),
    Registered("PostgreSQL", JOBS, about(read_postgres, vault.server)),
    Registered("PostgreSQL privileges", JOBS, about(read_postgres, vault.privileges)),
    Registered("PostgreSQL durability", JOBS, about(read_postgres, vault.durability)),
    Registered("PostgreSQL isolation", JOBS, about(read_postgres, vault.isolation)),
    Registered("PostgreSQL connection", JOBS, about(read_postgres, vault.connection)),
    Registered(N_("Clocks"), JOBS, about(read_postgres, vault.clocks), is_public=True),
    Registered(N_("Wake-ups"), JOBS, about(read_postgres, vault.wake_ups), is_public=True),
    Registered(N_("Jobs"), JOBS, about(read_store, vault.jobs)),
    Registered(N_("Access"), MACHINE, about(read_store, machine.access)),
    Registered(N_("Saved files"), LIBRARY, about(read_store, vault.files)),
    Registered(N_("Database"), JOBS, about(read_store, vault.database)),
    Registered(N_("Sites"), SITES, about(read_store, vault.sites), is_public=True),
    Registered(N_("Sites"), SITES, programs.site_packages, is_public=True),
    Registered(N_("Queue"), JOBS, about(read_store, vault.queue)),
    Registered(N_("Workers"), JOBS, about(read_store, vault.workers)),
    Registered(N_("Crashes"), JOBS, about(read_store, vault.crashes)),
    Registered(N_("Media server"), LIBRARY, vault.media_server),
    Registered(N_("Native crashes"), JOBS, vault.native_crashes, is_public=True),
)


async def examine(settings: Settings) -> list[Check]:
    """Run all checks."""
    return await run_checks(CHECKS, settings)
