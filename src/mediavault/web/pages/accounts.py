"""The accounts of the vault's posts: a list of all, and a page for each with its newest posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Response

from mediavault.api.dependencies import Services
from mediavault.core.job import JobStatus
from mediavault.features.jobs.library_filter import LibraryFilter
from mediavault.presentation.labels import one_line
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view
from mediavault.server.services import ApiServices
from mediavault.store.port import AccountQuery, AccountSummary, JobQuery
from mediavault.web.pages.frame import frame
from mediavault.web.render import render
from mediavault.web.up_next import Origin

ACCOUNTS_ON_A_PAGE = 30
NEWEST_POSTS = 18

router = APIRouter(include_in_schema=False)

TextFilter = Annotated[str, Query(max_length=200)]
PlatformFilter = Annotated[str, Query(max_length=64)]
CursorFilter = Annotated[str, Query(max_length=500)]
KeyPart = Annotated[str, Path(max_length=200)]


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account as the pages show it. ``name`` is its display name;
    ``handle`` is "" when the name is the handle.
    """

    summary: AccountSummary
    title: str  # its platform's
    name: str
    handle: str
    picture: str | None

    @property
    def address(self) -> str:
        platform, slug = (
            quote(part, safe="") for part in (self.summary.platform, self.summary.slug)
        )
        return f"/accounts/{platform}/{slug}"

    @property
    def in_library(self) -> str:
        return f"/library?{urlencode({'account': self.summary.key})}"


@router.get("/accounts")
async def index(
    services: Services, q: TextFilter = "", platform: PlatformFilter = "", cursor: CursorFilter = ""
) -> Response:
    """List the accounts, newest first; ``q`` is searched for in handles and names."""
    store = services.store
    query = AccountQuery(
        platform=platform or None, text=q or None, cursor=cursor or None, limit=ACCOUNTS_ON_A_PAGE
    )
    page = await store.catalogue.accounts(query)
    names = [totals.platform for totals in (await store.catalogue.library_totals()).platforms]
    return render(
        "accounts.html",
        accounts=[await account_card(summary, services) for summary in page.accounts],
        next_page=_address(q, platform, page.next_cursor) if page.next_cursor else None,
        is_first=not cursor,
        query=query,
        first_page=_address(q, platform, None),
        platforms=[(name, services.title_of(name)) for name in names],
        **await frame(services),
    )


@router.get("/accounts/{platform}/{slug}")
async def account(platform: KeyPart, slug: KeyPart, services: Services) -> Response:
    """Show one account. Raises AccountNotFound."""
    summary = await services.store.catalogue.account(f"{platform}/{slug}")
    newest = await services.store.catalogue.jobs(JobQuery(account=summary.key, limit=NEWEST_POSTS))
    return render(
        "account.html",
        account=await account_card(summary, services),
        posts=[job_view(job) for job in newest.jobs],
        keep=Origin(LibraryFilter(account=summary.key)).kept,
        has_more=newest.next_cursor is not None,
        **await frame(services),
    )


async def account_card(summary: AccountSummary, services: ApiServices) -> AccountCard:
    handle = f"@{one_line(summary.handle)}" if summary.handle else ""
    name = one_line(summary.display_name or "") or handle or one_line(summary.slug)
    return AccountCard(
        summary=summary,
        title=services.title_of(summary.platform),
        name=name,
        handle=handle if handle != name else "",
        picture=await _picture(summary, services),
    )


async def _picture(summary: AccountSummary, services: ApiServices) -> str | None:
    """Return the thumbnail of the account's newest saved post; None without one."""
    if not summary.saved:
        return None
    query = JobQuery(account=summary.key, statuses=(JobStatus.COMPLETED,), limit=1)
    newest: list[JobView] = [
        job_view(job) for job in (await services.store.catalogue.jobs(query)).jobs
    ]
    return next((job.links.thumbnail for job in newest), None)


def _address(q: str, platform: str, cursor: str | None) -> str:
    params = {"q": q, "platform": platform, "cursor": cursor}
    return (
        f"/accounts?{urlencode({name: value for name, value in params.items() if value})}".rstrip(
            "?"
        )
    )
