"""The shapes of requests and responses about sessions, and how they are made from records.
Never a cookie's value.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mediavault.core.failures import ErrorCode
from mediavault.core.fleet import ALIVE_WITHIN, hosts_signed_in
from mediavault.core.job import Job
from mediavault.core.messages import Message
from mediavault.core.sessions import ImportReport, SessionState, Viewer
from mediavault.core.site_limits import SiteLimit
from mediavault.presentation.translation import grouped, ngettext, translated
from mediavault.store.port import Store
from mediavault.store.waiting_jobs import waiting_jobs, wall_since


class SessionView(BaseModel):
    """A site's session. ``signed_in`` is null when it is not known which cookies the site's sign-in
    sets.
    """

    platform: str
    title: str
    login_url: str | None
    domains: tuple[str, ...] = Field(
        description=(
            "Domains whose cookies belong to the site, including their parent domains and"
            " subdomains."
        )
    )
    signed_in: bool | None
    signed_in_as: str | None = Field(
        description="The account's name, or its number, where either is known."
    )
    state: str = Field(description="The same in words, and whether the site accepts the session.")
    cookies: int = Field(description="How many cookies of the site there are.")
    expires_at: datetime | None = Field(
        description="When the first cookie required for the sign-in expires."
    )
    checked_at: datetime
    elsewhere: list[str] = Field(
        description="Other machines that are signed in to it, as their workers say."
    )
    pending: bool = Field(description="Imported cookies that the browser loads at its next start.")
    waiting: int = Field(description="Jobs that wait for a sign-in or an answer.")
    challenges: int = Field(
        description="How many of them wait for an answer: the site shows a CAPTCHA."
    )
    wall: str = Field(description="The same in words.")
    warned_until: datetime | None = Field(
        description="The site has warned the account: its jobs rest until then."
    )
    wall_since: datetime | None = Field(description="When the first of these jobs met the wall.")


class ImportView(BaseModel):
    """The result of importing a cookies.txt."""

    taken: int
    elsewhere: int = Field(description="Cookies of other sites: left out.")
    run_out: int
    first_expiry: datetime | None
    resumed: int = Field(description="Jobs that now continue automatically.")
    session: SessionView


class CookiesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        description="A cookies.txt in Netscape form; cookies of other sites are left out."
    )


class WindowIn(BaseModel):
    """What to open in the window: either ``platform`` or ``job_id``."""

    model_config = ConfigDict(extra="forbid")

    platform: Annotated[str, Field(max_length=64, description="Whose sign-in to open.")] | None = (
        None
    )
    job_id: (
        Annotated[str, Field(max_length=64, description="The waiting job whose post to open.")]
        | None
    ) = None
    narrow: bool = Field(False, description="For a portrait screen.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.platform is None) == (self.job_id is None):
            msg = "Give either platform or job_id"
            raise ValueError(msg)
        return self


class WindowView(BaseModel):
    """An opened window. ``address`` works once: its fragment,
    which browsers never send to a server, is the ticket.
    """

    platform: str
    address: str


class WindowStateView(BaseModel):
    platform: str | None = Field(description="Whose window is open; null without one.")


class TicketIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticket: Annotated[str, Field(max_length=100)]


class ViewerView(BaseModel):
    key: str = Field(
        description=(
            "The second subprotocol of the WebSocket, after vnc; and the header X-Window-Key."
        )
    )
    platform: str
    title: str
    width: int
    height: int
    seconds_left: int
    job_id: str | None = Field(
        description="The job on whose post the window is open; null for a sign-in."
    )


# --- from records ---------------------------------------------------------------------------------


async def session_view(state: SessionState, store: Store) -> SessionView:
    return (await session_views([state], store))[0]


async def session_views(states: Iterable[SessionState], store: Store) -> list[SessionView]:
    site_limits = {limit.platform: limit for limit in await store.site_limits.all_limits()}
    fleet = hosts_signed_in(await store.workers.alive(seen_within=ALIVE_WITHIN))
    return [
        _session_view(
            state,
            await waiting_jobs(store.catalogue, state.platform),
            site_limits.get(state.platform),
            fleet,
        )
        for state in states
    ]


def _session_view(
    state: SessionState,
    waiting: list[Job],
    limit: SiteLimit | None,
    fleet: Mapping[str, Sequence[str]],
) -> SessionView:
    challenges = sum(job.error_code is ErrorCode.CHALLENGE for job in waiting)
    has_ended = any(job.error_code is ErrorCode.SESSION_EXPIRED for job in waiting)
    is_warned = (
        limit is not None
        and limit.code is ErrorCode.ACCOUNT_WARNING
        and limit.is_closed(state.checked_at)
    )
    return SessionView(
        platform=state.platform,
        title=state.title,
        login_url=state.login_url,
        domains=state.domains,
        signed_in=state.signed_in,
        signed_in_as=state.signed_in_as,
        state=state_words(state, has_ended=has_ended),
        cookies=state.cookies,
        expires_at=state.expires_at,
        checked_at=state.checked_at,
        elsewhere=[host for host in fleet.get(state.platform, ()) if host != socket.gethostname()],
        pending=state.pending,
        waiting=len(waiting),
        challenges=challenges,
        wall=waiting_words(len(waiting), challenges),
        warned_until=limit.closed_until if limit and is_warned else None,
        wall_since=wall_since(waiting),
    )


async def import_view(
    report: ImportReport, resumed: int, state: SessionState, store: Store
) -> ImportView:
    return ImportView(
        taken=report.imported,
        elsewhere=report.other_sites,
        run_out=report.expired,
        first_expiry=report.first_expiry,
        resumed=resumed,
        session=await session_view(state, store),
    )


def viewer_view(viewer: Viewer) -> ViewerView:
    return ViewerView(
        key=viewer.key,
        platform=viewer.platform,
        title=viewer.title,
        width=viewer.width,
        height=viewer.height,
        seconds_left=viewer.seconds_left,
        job_id=viewer.job_id,
    )


def state_words(state: SessionState, *, has_ended: bool = False) -> str:
    """Return a session's state in a few words. ``has_ended``:
    a job met the login wall in spite of the cookies.
    """
    return translated(
        Message("Session expired") if state.signed_in and has_ended else session_state(state)
    )


def session_state(state: SessionState) -> Message:
    if state.signed_in is not False and state.signed_in_as:
        return Message("Signed in as %(name)s", name=state.signed_in_as)
    if state.signed_in is None:
        return Message("Has cookies") if state.cookies else Message("No cookies yet")
    return Message("Signed in") if state.signed_in else Message("Not signed in")


def waiting_words(count: int, challenges: int = 0) -> str:
    """Return ``6 posts are waiting for you to sign in.
    1 post is waiting for you to solve a CAPTCHA.``; "" for none.
    """
    sign_ins = count - challenges
    sign_in = ngettext(
        "%(count)s post is waiting for you to sign in.",
        "%(count)s posts are waiting for you to sign in.",
        sign_ins,
    )
    challenge = ngettext(
        "%(count)s post is waiting for you to solve a CAPTCHA.",
        "%(count)s posts are waiting for you to solve a CAPTCHA.",
        challenges,
    )
    parts = ((sign_in, sign_ins), (challenge, challenges))
    return " ".join(sentence % {"count": grouped(number)} for sentence, number in parts if number)
