"""What the command palette finds while one types: videos, what is said in them, accounts, tags and
collections.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response

from mediavault.api.dependencies import MarksDep, Services
from mediavault.core.marks import MarkKind
from mediavault.features.jobs.library_filter import LibraryFilter, LibraryView, address, to_query
from mediavault.features.jobs.spelling import corrected
from mediavault.features.transcripts.service import spoken_in
from mediavault.presentation.preferences import current
from mediavault.presentation.views import title
from mediavault.server.authentication import current_user
from mediavault.store.port import AccountQuery
from mediavault.store.search_words import is_in, line_of, parse_search
from mediavault.web.cards import account_words
from mediavault.web.pages.accounts import TextFilter
from mediavault.web.render import render
from mediavault.web.up_next import Origin

EACH = 3  # results of a kind

router = APIRouter(include_in_schema=False)


@router.get("/search")
async def search(services: Services, marks: MarksDep, q: TextFilter = "") -> Response:
    """Return the results as options of the palette's list. What nobody spells like this is searched
    for as it is spelt in the library.
    """
    catalogue, text = services.store.catalogue, q.strip()
    terms = parse_search(text)
    if not terms:
        return render("search.html", spelt=None, jobs=[], accounts=[], names=[])
    query = to_query(LibraryFilter(q=text), current().zone, current_user(), limit=EACH)
    jobs = (await catalogue.jobs(query)).jobs
    accounts = (await catalogue.accounts(AccountQuery(text=text, limit=EACH))).accounts
    names = [
        (kind, count.text)
        for kind in (MarkKind.TAG, MarkKind.COLLECTION)
        for count in await marks.names(kind)
        if is_in(line_of([count.text]), terms)
    ]
    spelt = None
    if not (jobs or accounts or names):
        spelt = await corrected(catalogue, query, text)
    if spelt:
        terms = parse_search(spelt)
        query = to_query(LibraryFilter(q=spelt), current().zone, current_user(), limit=EACH)
        jobs = (await catalogue.jobs(query)).jobs
    origin = Origin(LibraryFilter(q=spelt or text))
    spoken = await spoken_in(services, jobs, query.text, keep=origin.text)
    return render(
        "search.html",
        asked=text,
        spelt=spelt,
        terms=terms or (),
        jobs=[(job.id, title(job), spoken.get(job.id)) for job in jobs],
        keep=origin.kept,
        accounts=[
            (
                f"/accounts/{quote(account.platform, safe='')}/{quote(account.slug, safe='')}",
                account_words(account),
                services.title_of(account.platform),
            )
            for account in accounts
        ],
        names=[
            (f"/collections/{quote(name, safe='')}", "list", name)
            if kind is MarkKind.COLLECTION
            else (address(LibraryFilter(tag=name, state=LibraryView.ALL)), "tag", name)
            for kind, name in names[:EACH]
        ],
    )
