"""A file that contradicts its page is a question, which the user answers by choosing it or another
video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode, NetworkFailure
from mediavault.core.job import ClaimedJob, ItemStatus, Job, JobStatus, Stage, WorkerId
from mediavault.core.media import (
    DownloadedFile,
    Expected,
    Item,
    LengthSource,
    Ownership,
    Post,
    ProbeReport,
    Problem,
    ProblemKind,
    Sign,
)
from mediavault.core.recordings import Recording
from mediavault.core.records import RecordKind
from mediavault.store.port import Store
from tests.fakes import FakeClock
from tests.stubs import (
    StubDownloader,
    StubExtractor,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)
from tests.unit.extraction.samples import CDN, player
from tests.unit.worker.conftest import LEASE
from tests.unit.worker.test_announcements import (
    FILE,
    LengthProbe,
    by_source,
    by_visit,
    context_of,
    film,
    next_attempt,
    page,
)

ASKED = "The file is 0:15 long; the page says 4:12."
ASKED_FOR_SOUND = "The file has no sound, though the page announces sound."
SAID = Expected(252.0, length_source=LengthSource.DECLARED)


def advert(
    store: Store, clock: FakeClock, root: Path, *, films: Sequence[Any] = (film(15.0),)
) -> Any:
    """Return what works on a page that declares 4:12, and whose file lasts 15 s."""
    return context_of(store, clock, root, by_source(page("PT4M12S")), films=films)


async def chosen(store: Store, job: Job, *urls: str) -> ClaimedJob:
    await store.queue.retry(job.id, chosen_urls=urls)
    (claimed,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    return claimed


async def test_a_file_of_quite_another_length_ends_in_a_question_that_names_both(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(claim, advert(store, clock, tmp_path))
    (seen,) = job.candidates

    assert (job.status, job.error_code, job.error, job.retry_at) == (
        JobStatus.FAILED, ErrorCode.AMBIGUOUS, ASKED, None,
    )  # fmt: skip
    assert [(item.status, item.error_code) for item in job.items] == [
        (ItemStatus.FAILED, ErrorCode.AMBIGUOUS)
    ]
    assert (seen.url, seen.evidence[0], seen.duration_s) == (FILE, Sign.OTHER_LENGTH, 15.0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    checked = [
        record for record in await store.catalogue.history(job.id) if record.stage is Stage.VALIDATE
    ]
    assert {str(record.detail) for record in checked} == {ASKED}


async def test_the_file_that_the_user_chooses_is_saved_without_another_question(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    asked = await worked(claim, advert(store, clock, tmp_path))
    again = await chosen(store, asked, FILE)
    job = await worked(again, advert(store, clock, tmp_path))
    details = [str(record.detail) for record in await store.catalogue.history(claim.id)]

    assert (job.status, job.duration_s) == (JobStatus.COMPLETED, 15.0)
    assert [item.error_code for item in job.items] == [ErrorCode.NOT_AS_ANNOUNCED], (
        "its row says what it is"
    )
    assert "saved as it is: it lasts 15.0 s, but the post announced 252.0 s" in details


async def test_a_chosen_file_whose_url_has_expired_meanwhile_is_saved_too(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    visit = by_visit(page("PT4M12S"), player(FILE, duration_s=15.0))
    asked = await worked(claim, advert(store, clock, tmp_path))
    again = await chosen(store, asked, FILE)
    stale = tuple(replace(one, expires_at=clock.now()) for one in again.job.candidates)
    context = context_of(store, clock, tmp_path, visit, films=[film(15.0)])
    job = await worked(replace(again, job=replace(again.job, candidates=stale)), context)
    (extractor,) = context.extractors.values()

    assert isinstance(extractor, StubExtractor)
    assert (job.status, job.duration_s, extractor.asked) == (JobStatus.COMPLETED, 15.0, 1)


async def test_a_video_that_the_visit_finds_and_that_agrees_is_saved_without_a_question(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    other = f"{CDN}film.mp4"
    visit = by_visit(page("PT4M12S", url=other), player(other, duration_s=252.0))
    context = context_of(
        store, clock, tmp_path, by_source(page("PT4M12S")), visit, films=[film(15.0), film(252.0)]
    )
    job = await worked(claim, context)

    assert (job.status, job.extracted_url, job.duration_s) == (JobStatus.COMPLETED, other, 252.0)


async def test_of_two_files_that_contradict_the_page_both_can_be_chosen(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    other = f"{CDN}film.mp4"
    visit = by_visit(page("PT4M12S", url=other), player(other, duration_s=30.0))
    context = context_of(
        store, clock, tmp_path, by_source(page("PT4M12S")), visit, films=[film(15.0), film(30.0)]
    )
    job = await worked(claim, context)

    assert job.error == "The file is 0:30 long; the page says 4:12."
    assert {(one.url, one.duration_s) for one in job.candidates} == {(FILE, 15.0), (other, 30.0)}
    assert all(one.evidence[0] is Sign.OTHER_LENGTH for one in job.candidates)


async def test_a_visit_that_is_sure_of_no_video_leaves_the_question_as_it_is(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    unsure = extraction(candidate(f"{CDN}1.mp4", ownership=Ownership.UNKNOWN))
    context = context_of(
        store, clock, tmp_path, by_source(page("PT4M12S")), unsure, films=[film(15.0)]
    )
    job = await worked(claim, context)

    assert (job.error_code, job.error) == (ErrorCode.AMBIGUOUS, ASKED)


async def test_announced_sound_that_is_missing_ends_in_a_question(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Silent(LengthProbe):
        async def examine(self, file: DownloadedFile) -> ProbeReport:
            missing = Problem(
                ProblemKind.DOUBTFUL, "it has no sound though the post announced sound"
            )
            return replace(await super().examine(file), audio_codec=None, problems=(missing,))

    loud = extraction(candidate(), expected=Expected(audio=True))
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(loud),
        downloader=StubDownloader(film(15.0)),
        probe=Silent(),
    )
    job = await worked(claim, context)

    assert (job.error_code, job.error) == (ErrorCode.AMBIGUOUS, ASKED_FOR_SOUND)


SKIPPABLE = (
    f'<body><main><video controls src="{FILE}"></video><button class="skip-ad">Skip'
    " ad</button></main></body>"
)
AN_ADVERT = "The file is 0:15 long, as adverts are, and the page has a button that skips adverts."


async def test_a_file_as_long_as_an_advert_ends_in_a_question_where_the_page_can_skip_adverts(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Also where a package finds the same file again, which knows nothing of the button."""
    again = extraction(candidate(FILE, ownership=Ownership.LONE))
    asked = await worked(
        claim, context_of(store, clock, tmp_path, by_source(SKIPPABLE), again, films=[film(15.0)])
    )
    job = await worked(
        await chosen(store, asked, FILE),
        context_of(store, clock, tmp_path, by_source(SKIPPABLE), films=[film(15.0)]),
    )

    assert (asked.error_code, asked.error) == (ErrorCode.AMBIGUOUS, AN_ADVERT)
    assert {Sign.ADVERT_LENGTH, Sign.SKIPS_ADVERTS} <= set(asked.candidates[0].evidence)
    assert job.status is JobStatus.COMPLETED


async def test_a_longer_film_of_a_page_that_can_skip_adverts_is_saved(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(
        claim, context_of(store, clock, tmp_path, by_source(SKIPPABLE), films=[film(40.0)])
    )

    assert job.status is JobStatus.COMPLETED


@pytest.mark.parametrize("kind", [ProblemKind.DAMAGED, ProblemKind.INCOMPLETE])
async def test_a_file_that_is_not_whole_is_no_contradiction(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, kind: ProblemKind
) -> None:
    class Broken(LengthProbe):
        async def examine(self, file: DownloadedFile) -> ProbeReport:
            return replace(await super().examine(file), problems=(Problem(kind, "it is broken"),))

    job = await worked(claim, replace(advert(store, clock, tmp_path), probe=Broken()))

    assert job.error_code in (ErrorCode.BAD_FILE, ErrorCode.INCOMPLETE)


async def test_a_post_of_a_site_with_a_reader_is_asked_about_as_ever(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    url = "https://x.com/jane/status/20"
    await store.queue.enqueue([new_job(url, clock=clock, platform="x")])
    (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    known = extraction(candidate(), post=Post(url, url, "x", "20", "jane"), expected=SAID)
    job = await worked(claim, context_of(store, clock, tmp_path, known, films=[film(15.0)]))

    assert job.error_code is ErrorCode.NOT_AS_ANNOUNCED


async def test_a_post_of_such_a_site_that_a_page_embeds_is_asked_about_as_ever(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Also in a later attempt, which only knows that it was embedded."""
    embedded = replace(
        extraction(candidate(), expected=SAID), metadata={"embedded_in": "https://videos.example/"}
    )
    job = await worked(claim, context_of(store, clock, tmp_path, embedded, films=[film(15.0)]))

    assert job.error_code is ErrorCode.NOT_AS_ANNOUNCED


async def test_a_file_that_a_package_finds_again_is_compared_too(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """A package states no evidence; what the page has declared still holds,
    and so does its evidence.
    """
    again = extraction(candidate(FILE, ownership=Ownership.LONE))
    job = await worked(
        claim,
        context_of(store, clock, tmp_path, by_source(page("PT4M12S")), again, films=[film(15.0)]),
    )

    assert (job.error_code, job.error) == (ErrorCode.AMBIGUOUS, ASKED)
    assert {Sign.OTHER_LENGTH, Sign.NAMED} <= set(job.candidates[0].evidence)


async def test_one_of_several_videos_is_asked_about_as_ever(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """Choosing it would leave out the others, some of which may be saved."""
    files = [candidate(f"{CDN}{number}.mp4") for number in (1, 2)]
    two = replace(extraction(files[0]), items=tuple(Item((one,), expected=SAID) for one in files))
    job = await worked(claim, context_of(store, clock, tmp_path, two, films=[film(15.0)]))

    assert {item.error_code for item in job.items} == {ErrorCode.NOT_AS_ANNOUNCED}


async def test_a_recording_is_as_long_as_it_was_recorded(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    class Recorder(StubDownloader):
        async def fetch(self, *args: Any, **kinds: Any) -> DownloadedFile:
            fetched = await super().fetch(*args, **kinds)
            return replace(fetched, expected=Expected(), recording=Recording(recorded_s=15.0))

    live = extraction(candidate(), expected=SAID)
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=StubExtractor(live),
        downloader=Recorder(film(15.0)),
        probe=LengthProbe(),
    )

    assert (await worked(claim, context)).status is JobStatus.COMPLETED


async def test_an_earlier_answer_to_the_same_difference_holds(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The user has accepted the file before files of pages were compared."""
    reason = "The file was refused because it lasts 15.0 s, but the post announced 252.0 s."
    await store.records.put(RecordKind.ACCEPTED, claim.id, {"reasons": [reason]})

    assert (await worked(claim, advert(store, clock, tmp_path))).status is JobStatus.COMPLETED


async def test_trying_again_without_a_choice_downloads_it_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The site may have delivered an advert or half a film, and the film by now."""
    asked = await worked(
        claim, advert(store, clock, tmp_path, films=[film(15.0), NetworkFailure("gone")])
    )
    assert asked.error == ASKED
    await store.queue.retry(claim.id)
    job = await worked(
        await next_attempt(store, clock), advert(store, clock, tmp_path, films=[film(252.0)])
    )

    assert (job.status, job.duration_s) == (JobStatus.COMPLETED, 252.0)
