"""At the start: refuses a vault without protection, and logs the link with which it is set up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mediavault.auth.authenticator import token_of
from mediavault.auth.credentials import SetupToken
from mediavault.auth.users import Users
from mediavault.core.clock import SystemClock
from mediavault.core.logs import get_logger
from mediavault.core.settings import Settings
from mediavault.server.security import needs_a_password, no_password
from mediavault.store.port import Records, Store

log = get_logger(__name__)


def require_authentication(settings: Settings) -> Callable[[Store], Awaitable[None]]:
    """Return a check that raises BadSetting if the vault listens on the network without authentication."""

    async def check(store: Store) -> None:
        if needs_a_password(settings) and not await Users(store.records, SystemClock()).has_password():
            raise no_password(settings)

    return check


async def setup_token(settings: Settings, records: Records) -> str | None:
    """Return a new one-time token of the set-up page, if MEDIAVAULT_SETUP is set and there is no password yet."""
    clock = SystemClock()
    if settings.setup and not token_of(settings) and not await Users(records, clock).has_password():
        return await SetupToken(records, clock).issue()
    return None


def log_setup_link(settings: Settings, port: int, token: str) -> None:
    """Log the link to the set-up page, by the name that browsers use for this vault.

    Its token is the only secret that is ever logged: valid once, for an hour, and only while there is no password.
    """
    name = settings.host_names[0] if settings.host_names else "localhost"
    link = f"http://{name}:{port}{settings.base_path}/setup?invitation={token}"
    log.warning("set_up_wanted", link=link, valid_for="1 hour")
