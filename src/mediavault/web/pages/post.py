"""The page of one post: its video, text, history and what is up next,
and forms that redirect back and need no script.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import (
    AuthenticatorDep,
    CallerDep,
    JobIdPath,
    JobsDep,
    SealedCopiesDep,
    Services,
)
from mediavault.api.player import begin_check
from mediavault.core.failures import FAILURES, BadInput, Remedy, StorageFailure
from mediavault.core.fingerprints import Likeness
from mediavault.core.job import Job, JobId, Priority, saved_files
from mediavault.core.marks import MarkKind, PostMarks
from mediavault.core.media import Comment
from mediavault.core.recordings import RECORDING, from_json, in_words
from mediavault.core.users import OWNER
from mediavault.core.webvtt import MAX_S
from mediavault.features.jobs.library_filter import (
    LibraryFilter,
    LibraryView,
    address,
)
from mediavault.features.recording.service import is_to_stop
from mediavault.features.retention.model import REASONS
from mediavault.features.retention.service import RetentionRules
from mediavault.features.transcripts.service import saved_comments, transcript
from mediavault.presentation.schemas import MAX_CHOSEN
from mediavault.presentation.translation import gettext
from mediavault.presentation.views import job_view, shown_job, shown_record
from mediavault.server.authentication import current_user, may
from mediavault.server.services import ApiServices
from mediavault.store.duplicates import read_duplicates
from mediavault.store.file_checks import read_checks
from mediavault.store.mark_changes import read_marks
from mediavault.store.trash import new_batch
from mediavault.store.waiting_jobs import DAMAGE, questions, still_asking, waits_for_sign_in
from mediavault.web.cards import Tile, site_name, tile
from mediavault.web.pages.frame import (
    changed_by,
    frame,
    own_path,
    profiles_in_words,
    read_fields,
    read_form,
    see_other,
)
from mediavault.web.post_view import (
    Video,
    choices_of,
    decoding_state,
    first_player_site,
    post_text,
    seen_candidates,
    videos,
)
from mediavault.web.render import render
from mediavault.web.timeline import timeline
from mediavault.web.up_next import read_line, read_origin, up_next

router = APIRouter(include_in_schema=False)

ItemNumber = Annotated[int, Query(ge=0, le=10_000)]
OriginText = Annotated[str | None, Query(alias="in", max_length=2_000)]


@router.get("/jobs/{job_id}")
async def post(
    job_id: JobIdPath,
    services: Services,
    authenticator: AuthenticatorDep,
    copies: SealedCopiesDep,
    item: ItemNumber | None = None,
    within: OriginText = None,
    t: Annotated[float, Query(ge=0, le=MAX_S)] = 0,
    subtitles: Annotated[str, Query(max_length=40)] = "",
    said: Annotated[str, Query(max_length=500)] = "",
    *,
    read_formats: bool = False,
) -> Response:
    """Show a post.

    ``item`` is the index of the video to show, by default the one that the user stopped watching,
    else the first. ``in`` is the list that the reader came from: the filter of a library page, as
    in its address, or New. ``t`` is the second at which the player starts, with the ``subtitles``
    of this language shown; what is ``said`` is searched for. ``read_formats`` reads the codecs from
    the files.
    """
    job = await services.store.catalogue.get(job_id)
    history = [shown_record(record) for record in await services.store.catalogue.history(job_id)]
    as_shown = shown_job(job)
    # before the result: the check may end in between
    is_checking = services.checks.is_checking(job_id)
    saved = await _videos(services, job, read_formats=read_formats)
    marks = await _marks(services, job_id)
    if item is None and (position := marks["marks"]["position"]):
        item = position["item"]
    shown = next((video for video in saved if video.place == item), saved[0] if saved else None)
    origin = read_origin(within)
    line = await read_line(services.store, current_user(), job, origin)
    keep = origin.kept if origin else ""
    after = (
        await up_next(services.store, current_user(), job, line, origin, services.title_of)
        if shown
        else None
    )
    return render(
        "post.html",
        comments=await _comments(services, job),
        profiles=await profiles_in_words(services.store.records),
        moment=job.updated_at,
        job=job_view(job, holds=await services.holds()),
        title_of=services.title_of,
        site=site_name(job.platform, services.title_of(job.platform), job.canonical_url),
        said=post_text(job),
        choices=choices_of(as_shown),
        seen=seen_candidates(job.candidates),
        first_player_site=_first_player_site(services, job),
        videos=saved,
        video=shown,
        start=t,
        subtitles=subtitles,
        spoken=await transcript(
            services,
            job,
            shown.place,
            language=subtitles,
            query=said,
            keep=origin.text if origin else None,
        )
        if shown
        else None,
        decoding=await decoding_state(services, job, shown) if shown else None,
        read_formats=read_formats,
        is_checking=is_checking,
        is_stopping=job.is_recording and await is_to_stop(services.store.records, job_id),
        recording=_recording(job),
        seal=copies.state(job_id),
        same=await _duplicates(services, job_id) if shown else (),
        timeline=timeline(as_shown, history),
        neighbours=line.neighbours,
        up_next=after,
        next_video=after.after(job, shown, saved, keep) if after and shown else None,
        back=origin.address if origin else address(LibraryFilter()),
        back_name=gettext("New") if origin and origin.arrivals else gettext("Library"),
        keep=keep,
        has_users=await authenticator.users.has_others(),
        owner_name=owner.called if (owner := await authenticator.users.find(OWNER)) else "",
        **marks,
        may_go=await RetentionRules(services.store, services.clock).proposal_of(job_id),
        reasons_to_go=REASONS,
        waits_for_person=waits_for_sign_in(job),
        sites_asking=await _sites_asking(services, job),
        needs_sign_in=_needs_sign_in(job),
        instead=FAILURES[job.error_code].profile if job.error_code else "",
        may_keep=_may_keep(job),
        may_differ=job.error_code is not None
        and FAILURES[job.error_code].page_outcome == "no_video",
        has_sign_in=services.sign_in_of(job.platform) is not None,
        **await frame(services),
    )


async def _duplicates(services: ApiServices, job_id: JobId) -> Sequence[tuple[Tile, Likeness]]:
    """Return the other posts with the same video, identical files first,
    and how alike the videos are.
    """
    found = await read_duplicates(services.store, job_id)
    post_marks = await read_marks(services.store, current_user(), [other.job.id for other in found])
    return [
        (
            tile(
                other.job,
                None,
                post_marks.get(other.job.id, PostMarks()),
                site=services.title_of(other.job.platform),
            ),
            other.likeness,
        )
        for other in found
    ]


async def _marks(services: ApiServices, job_id: JobId) -> dict[str, Any]:
    """Return what the user noted about the post, with addresses,
    and all tags and collections for completion.
    """
    store = services.store
    post_marks = (await read_marks(store, current_user(), [job_id])).get(job_id, PostMarks())
    tags, titles = (
        await store.marks.names(f"{MarkKind.TAG}/"),
        await store.marks.names(f"{MarkKind.COLLECTION}/"),
    )
    return {
        "marks": {
            **asdict(post_marks),
            "tags": [
                (tag, address(LibraryFilter(tag=tag, state=LibraryView.ALL)))
                for tag in post_marks.tags
            ],
            "collections": [
                (title, f"/collections/{quote(title, safe='')}") for title in post_marks.collections
            ],
        },
        "all_tags": [count.text for count in tags],
        "all_collections": [count.text for count in titles],
    }


def _recording(job: Job) -> str | None:
    recording = from_json(job.metadata.get(RECORDING))
    return in_words(recording) if recording is not None else None


def _may_keep(job: Job) -> str:
    """Return what a user may save although it was refused: "damaged" or "different";
    "" for nothing.
    """
    asked = questions(job)
    return ("damaged" if DAMAGE in asked else "different") if asked else ""


def _needs_sign_in(job: Job) -> bool:
    return job.error_code is not None and FAILURES[job.error_code].remedy is Remedy.SIGN_IN


async def _sites_asking(services: ApiServices, job: Job) -> list[str]:
    """Return the site for whose sign-in the job waits, if the last one did not help."""
    if not _needs_sign_in(job):
        return []
    trials = await still_asking(services.store, job.platform)
    return [trial.host or services.title_of(job.platform) for trial in trials if trial.covers(job)]


async def _videos(services: ApiServices, job: Job, *, read_formats: bool) -> list[Video]:
    files = saved_files(job)
    if read_formats:
        for file in files.values():
            await services.formats.read(file)
    return videos(
        job,
        await read_checks(services.store.records, job),
        {index: services.formats.known(file) for index, file in files.items()},
    )


async def _comments(services: ApiServices, job: Job) -> Sequence[Comment]:
    """Return the post's saved comments; none where the library does not answer."""
    try:
        return await saved_comments(services, job)
    except StorageFailure:
        return []


@router.post("/jobs/{job_id}/retry")
async def retry_form(
    request: Request, job_id: JobIdPath, services: Services, jobs: JobsDep
) -> Response:
    """Retry the job. ``chosen`` are the numbers of the candidates that the user chose, ``only`` is
    that of a single one, ``all`` chooses them all, and ``seen`` is what ``seen_candidates``
    returned when the form was made; a form without these chooses nothing. ``first_player`` adds the
    post's site to those whose first player is saved. With ``profile`` the post is saved in that
    form, with an empty one in the usual form. ``as_it_is`` saves what is not as announced. With
    ``back`` the reader returns there.
    """
    fields = await read_fields(request, most=MAX_CHOSEN + 6)
    profile = next(iter(fields.get("profile", ())), None)
    chosen = await _chosen(services, job_id, fields)
    if "first_player" in fields and (
        site := _first_player_site(services, await services.store.catalogue.get(job_id))
    ):
        now = (await services.live.current()).first_player_sites
        await services.live.change("first_player_sites", [*now, site], by=changed_by(request))
    await jobs.retry(job_id, chosen=chosen, profile=profile, as_it_is="as_it_is" in fields)
    return see_other(own_path(fields["back"][0]) if "back" in fields else f"/jobs/{job_id}")


async def _chosen(
    services: ApiServices, job_id: JobId, fields: Mapping[str, list[str]]
) -> Collection[int]:
    numbers = [number for number in fields.get("only", fields.get("chosen", [])) if number]
    seen = next(iter(fields.get("seen", ())), "")
    if not numbers and not seen:
        return ()
    candidates = (await services.store.catalogue.get(job_id)).candidates
    if seen and seen != seen_candidates(candidates):
        raise BadInput(
            "The post has been read again since you opened its page.",
            help="Go back, reload the page, and choose again.",
        )
    if "all" in fields:
        return range(len(candidates))
    if not numbers:
        raise BadInput(
            "No video was selected.", help="Go back, and select the videos that you want."
        )
    known = {str(number): number for number in range(len(candidates))}
    if not known.keys() >= set(numbers):
        raise BadInput(
            "Unknown choice of video.", help="Reload the page: the post has been read again."
        )
    return [known[number] for number in numbers]


def _first_player_site(services: ApiServices, job: Job) -> str:
    """Return the site whose first player the user may have saved from now on,
    as the post's page offers it; else "".
    """
    if "first_player_sites" in services.live.fixed or not may("POST", "/settings"):
        return ""
    return first_player_site(job)


@router.post("/jobs/{job_id}/priority")
async def priority_form(request: Request, job_id: JobIdPath, jobs: JobsDep) -> Response:
    """Move the job in the queue. With ``home`` the reader came from the home page,
    and returns there.
    """
    fields = await read_form(request)
    try:
        priority = Priority(fields.get("priority", ""))
    except ValueError as exc:
        raise BadInput("Unknown priority.", help="Reload the page.") from exc
    await jobs.prioritize(job_id, priority)
    return see_other("/" if "home" in fields else f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/cancel")
async def cancel_form(job_id: JobIdPath, jobs: JobsDep) -> Response:
    await jobs.cancel(job_id)
    return see_other(f"/jobs/{job_id}")


@router.post("/jobs/{job_id}/remove")
async def remove_form(job_id: JobIdPath, jobs: JobsDep) -> Response:
    """Move the post to the trash with its files. The library, which is shown then,
    offers to undo that.
    """
    batch = new_batch()
    await jobs.remove(job_id, files=True, batch=batch)
    return see_other(address(LibraryFilter(), outcome="removed-1-0", batch=batch, post=job_id))


@router.post("/jobs/{job_id}/again")
async def again_form(
    request: Request, job_id: JobIdPath, jobs: JobsDep, caller: CallerDep
) -> Response:
    """Save the post again, perhaps with another profile, and redirect to the new version's page."""
    profile = (await read_form(request)).get("profile")
    return see_other(f"/jobs/{(await jobs.save_again(job_id, caller, profile=profile)).id}")


@router.post("/jobs/{job_id}/verify")
async def verify_form(job_id: JobIdPath, services: Services) -> Response:
    await begin_check(services, job_id)
    return see_other(f"/jobs/{job_id}#file")
