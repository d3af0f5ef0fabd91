"""The home page: paste links, watch them being saved, see which failures need the user.

Every action redirects back to the page with the result in the address; the script requests the same
pages and updates the parts of the open page that changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import CallerDep, JobsDep, Services, to_job_id
from mediavault.api.jobs import pause_queue, resume_queue
from mediavault.core.failures import (
    CAUSES,
    BadInput,
    BadUrl,
    ErrorCode,
    JobNotFound,
    MediavaultError,
)
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import MAX_BATCH, Job, JobId, NewJob
from mediavault.core.messages import Message
from mediavault.core.submission import RefusedAddress
from mediavault.features.jobs.library_filter import LibraryFilter, LibraryView, Mine, address
from mediavault.features.sites.service import closed_limits, reopen_site
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import gettext as _
from mediavault.presentation.views import fleet_view, title
from mediavault.server.authentication import current_user, may
from mediavault.server.services import ApiServices
from mediavault.store.bulk import existing_jobs
from mediavault.web.cards import site_name
from mediavault.web.overview import overview, taken_words
from mediavault.web.pages.frame import error_view, frame, profiles_in_words, read_form, see_other
from mediavault.web.render import in_path, render

router = APIRouter(include_in_schema=False)

SHARED_CHARS = 8_000  # of text shared by another program
LINKED = 3  # posts that the message about a submission links to
LINKS_SHOWN = 50
ADDRESS_CHARS = 300
# The ids of the posts that this browser submitted last. Their results stay on its home page until
# they are dismissed or replaced; as a cookie this works without a script, and every browser sees
# its own.
JUST_NOW_COOKIE = "mediavault_just_now"
MOST_JUST_NOW = 6
JUST_NOW_S = 7 * 24 * 3600

Count = Annotated[int, Query(ge=0, le=MAX_BATCH)]
Shared = Annotated[str, Query()]


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """The message about the last action; ``posts`` are the ids and titles of those that it links
    to.
    """

    words: str
    posts: Sequence[tuple[JobId, str]] = ()


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link in the box: the ``site`` that it is saved from and the post's job if there is one, or
    the ``reason`` why it can't be saved. ``offer`` asks whether to follow what is there, by the
    form at ``follow``; "" for no offer.
    """

    text: str
    site: str = ""
    known: JobId | None = None
    reason: ErrorView | None = None
    offer: str = ""
    follow: str = ""


@router.get("/")
async def home(
    request: Request,
    services: Services,
    url: Shared = "",
    text: Shared = "",
    taken: Count = 0,
    known: Count = 0,
    post: Annotated[list[str] | None, Query(max_length=MOST_JUST_NOW)] = None,
) -> Response:
    """Show the home page; those who may not add links see only what there is to watch.

    ``url`` and ``text`` only fill the box, since a GET changes nothing.

    The other parameters describe the last action. Its posts are among those whose results stay on
    the page.
    """
    done, ids = None, read_ids(request)
    if taken or known:
        posts = await _titles(services, post or ())
        done, ids = (
            SubmitResult(taken_words(taken, known), posts[:LINKED]),
            with_newer(ids, (job_id for job_id, _ in posts)),
        )
    response = await _home(
        services, ids, pasted=_prefill(url, text), is_shared=bool(url or text), done=done
    )
    if ids != read_ids(request):
        write_ids(response, ids)
    return response


@router.post("/submit")
async def submit_form(
    request: Request, services: Services, jobs: JobsDep, caller: CallerDep
) -> Response:
    """Accept the valid links. The others come back in the box, each with the reason."""
    form = await read_form(request)
    pasted, profile = form.get("post_urls", ""), form.get("profile", "")
    try:
        taken = await jobs.submit_each(links_of(pasted), caller, profile=profile)
    except BadInput as exc:
        return await _home(
            services, read_ids(request), pasted=pasted, profile=profile, error=error_view(exc)
        )
    ids = with_newer(read_ids(request), (job.id for job in (*taken.jobs, *taken.known)))
    if not taken.refused:
        results = [("taken", len(taken.jobs)), ("known", len(taken.known))]
        response = see_other(
            f"/?{urlencode(results + [('post', job.id) for job in taken.known[:LINKED]])}"
        )
        write_ids(response, ids)
        return response
    any_accepted = taken.jobs or taken.known
    response = await _home(
        services,
        ids,
        pasted="\n".join(refused.text for refused in taken.refused) if any_accepted else pasted,
        profile=profile,
        refused=taken.refused,
        done=SubmitResult(
            taken_words(len(taken.jobs), len(taken.known)), _with_titles(taken.known[:LINKED])
        )
        if any_accepted
        else None,
        status=200 if any_accepted else 422,
    )
    write_ids(response, ids)
    return response


@router.post("/submit/check")
async def check_form(request: Request, services: Services) -> Response:
    """Say what would become of the links in the box, and store nothing."""
    texts = addresses_in((await read_form(request)).get("post_urls", ""))[:MAX_BATCH]
    new, refused = services.submit.read_each(texts)
    known = await services.store.catalogue.of_posts([job.canonical_url for job in new])
    errors, good = {one.position: one.error for one in refused}, iter(new)
    links = [
        _refused_view(text, errors[place], services)
        if place in errors
        else _link_view(text, next(good), known, services)
        for place, text in enumerate(texts[:LINKS_SHOWN])
    ]
    return render(
        "_links.html",
        refused=0,
        links=links,
        more_links=len(texts) - len(links),
        good_links=len(new),
    )


@router.post("/just-now/dismiss")
async def dismiss_form(request: Request) -> Response:
    """Remove one result from this browser's home page, or all of them without an ``id``.
    The post itself stays.
    """
    dismissed = (await read_form(request)).get("id", "")
    response = see_other("/")
    write_ids(
        response, [job_id for job_id in read_ids(request) if dismissed and job_id != dismissed]
    )
    return response


@router.post("/failures/retry")
async def retry_form(
    jobs: JobsDep,
    cause: str = "",
    platform: str = "",
    waiting: str = "",
) -> Response:
    """Retry the failed jobs of one cause, and of one site if given; at most MAX_RETRIED,
    others stay as they are. The parameters are in the address, because the button is in the
    form of the library's selection.
    """
    found = CAUSES.get(cause)
    if found is None:
        raise BadInput("Unknown cause of failures.", help="Reload the page.")
    count = await jobs.retry_failed(
        found.codes, platform=platform or None, is_waiting=waiting == "on"
    )
    failed = address(LibraryFilter(state=LibraryView.FAILED))
    return see_other(f"{failed}&outcome=retried-{count}-0")


@router.post("/site-limits/{platform}/open")
async def open_site_form(platform: str, services: Services) -> Response:
    await reopen_site(services.store, platform)
    return see_other("/")


@router.post("/queue/pause")
async def pause_form(request: Request, services: Services) -> Response:
    """Pause the queue, or the site that the form names.
    With ``sites`` the reader came from the sites' page.
    """
    fields = await read_form(request)
    await pause_queue(services, fields.get("site") or None)
    return _back(fields)


@router.post("/queue/resume")
async def resume_form(request: Request, services: Services) -> Response:
    """End the pause of the queue, or of the site that the form names."""
    fields = await read_form(request)
    await resume_queue(services, fields.get("site") or None)
    return _back(fields)


def _back(fields: Mapping[str, str]) -> Response:
    return see_other(f"/sites#{in_path(fields.get('site', ''))}" if "sites" in fields else "/")


async def _home(
    services: ApiServices,
    submitted: Sequence[JobId],
    *,
    pasted: str = "",
    profile: str = "",
    is_shared: bool = False,
    done: SubmitResult | None = None,
    refused: Sequence[RefusedAddress] = (),
    error: ErrorView | None = None,
    status: int | None = None,
) -> Response:
    # before the jobs are read: the event stream continues from the report's moment
    report = await services.store.catalogue.report()
    workers = await services.store.workers.alive(seen_within=ALIVE_WITHIN)
    return render(
        "home.html",
        status=status or (422 if error else 200),
        moment=report.at,
        view=await overview(services, report, submitted, current_user()),
        library={
            "started": address(LibraryFilter(mine=Mine.STARTED)),
            **{view.value: address(LibraryFilter(state=view)) for view in LibraryView},
        },
        has_worker=bool(workers),
        title_of=services.title_of,
        unserved=fleet_view(report, workers).unserved,
        sites=await closed_limits(services.store, services.clock, report.waiting),
        pasted=pasted,
        profiles=await profiles_in_words(services.store.records),
        chosen_profile=profile,
        is_shared=is_shared,
        done=done,
        links=[_refused_view(one.text, one.error, services) for one in refused[:LINKS_SHOWN]],
        more_links=max(0, len(refused) - LINKS_SHOWN),
        refused=len(refused),
        error=error,
        **await frame(services),
    )


def links_of(pasted: str) -> list[str]:
    """Return the links in a text, or its lines when it has none.
    Raises BadInput for no text or too many links.
    """
    addresses = addresses_in(pasted)
    if not addresses:
        raise BadUrl("No link found.")
    if len(addresses) > MAX_BATCH:
        raise BadInput(
            Message(
                "%(addresses)s links at once; at most %(max_batch)s are allowed.",
                addresses=len(addresses),
                max_batch=MAX_BATCH,
            )
        )
    return addresses


def _prefill(url: str, text: str) -> str:
    """Return the links that another program shared, or its text when it has none."""
    return "\n".join(addresses_in(f"{url}\n{text}"[:SHARED_CHARS]))


def _link_view(text: str, new: NewJob, known: Mapping[str, Job], services: ApiServices) -> LinkView:
    site = site_name(new.platform, services.title_of(new.platform), new.canonical_url)
    job = known.get(new.canonical_url)
    return LinkView(text[:ADDRESS_CHARS], site, job.id if job else None)


def _refused_view(text: str, error: MediavaultError, services: ApiServices) -> LinkView:
    refused = LinkView(text[:ADDRESS_CHARS], reason=error_view(error))
    if error.code is not ErrorCode.NOT_A_POST or not may("POST", "/sources"):
        return refused
    try:
        address = services.submit.read_source(text)
    except MediavaultError:
        return refused
    offer = (
        _("This is a list. Follow it?") if address.is_list else _("This is a channel. Follow it?")
    )
    return replace(refused, offer=offer, follow=f"/sources?{urlencode({'url': address.url})}#form")


async def _titles(services: ApiServices, ids: Sequence[str]) -> list[tuple[JobId, str]]:
    """Return the ids and titles of the posts that exist."""
    return _with_titles(
        [job async for job in existing_jobs(services.store.catalogue, map(JobId, ids))]
    )


def _with_titles(jobs: Sequence[Job]) -> list[tuple[JobId, str]]:
    return [(job.id, title(job)) for job in jobs]


# Users paste lists, chat messages, captions, shortcuts and pieces of Markdown. Words around a link
# are ignored; a word that looks like an attempt at an address is passed on unchanged, so that it is
# refused with a reason rather than lost.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINK = re.compile(r"https?://", re.IGNORECASE)
# x.com/jane/status/1, as phones show addresses
_BARE = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}/\S+")
_OPENING = "<([{\"'\u201c\u201e\u00ab"
_CLOSING = ">)]}\"'\u201d\u201c\u00bb,;.!\u2026"


def addresses_in(text: str) -> list[str]:
    """Return the addresses in order, each once; the lines themselves when there is no address.

    A line of one word counts as an attempt at an address: ``nonsense`` is passed on,
    ``look at this`` only when the text contains no link.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parsed = [(line, _links(line)) for line in lines]
    if not any(links for _, links in parsed):
        return list(dict.fromkeys(lines))
    addresses: list[str] = []
    for line, links in parsed:
        addresses += links or ([line] if len(line.split()) == 1 else [])
    return list(dict.fromkeys(addresses))


def _links(line: str) -> list[str]:
    return [link for word in line.split() if (link := _link(word)) is not None]


def _link(word: str) -> str | None:
    """Return the address in a word; None when there is none."""
    word = word.lstrip(_OPENING)
    start = _LINK.search(word)
    if start and not _SCHEME.match(
        word[: start.start()]
    ):  # "[a film](https://…" and "URL=https://…", not "view-source:"
        return _without_tail(word[start.start() :])
    if "://" in word:
        return word
    return f"https://{_without_tail(word)}" if _BARE.fullmatch(word) else None


def _without_tail(link: str) -> str:
    """Remove the sentence's punctuation; a closing bracket stays when the address contains an
    opening one.
    """
    while link and link[-1] in _CLOSING and not (link[-1] == ")" and "(" in link):
        link = link[:-1]
    return link


def read_ids(request: Request) -> list[JobId]:
    """Return the ids in the cookie, newest first; anything else in it is left out."""
    ids: list[JobId] = []
    for text in request.cookies.get(JUST_NOW_COOKIE, "").split("."):
        try:
            ids.append(to_job_id(text))
        except JobNotFound:
            continue
    return ids[:MOST_JUST_NOW]


def with_newer(ids: Sequence[JobId], newer: Iterable[JobId]) -> list[JobId]:
    """Return ``newer`` and then the others, each once, at most MOST_JUST_NOW."""
    return list(dict.fromkeys([*newer, *ids]))[:MOST_JUST_NOW]


def write_ids(response: Response, ids: Sequence[JobId]) -> None:
    """Set the cookie, or delete it when there are none."""
    if ids:
        response.set_cookie(
            JUST_NOW_COOKIE, ".".join(ids), max_age=JUST_NOW_S, samesite="strict", httponly=True
        )
    else:
        response.delete_cookie(JUST_NOW_COOKIE, samesite="strict")
