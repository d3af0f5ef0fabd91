"""Before the server starts: refuses a vault without protection, and prints the set-up token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mediavault.auth.authenticator import token_of
from mediavault.auth.setup_token import SetupToken
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


async def print_setup_token(settings: Settings, records: Records) -> None:
    """Print the one-time token of the set-up page, if MEDIAVAULT_SETUP is set and there is no password yet.

    It is the only secret that is ever logged: valid once, for an hour, and only while there is no password.
    """
    clock = SystemClock()
    if settings.setup and not token_of(settings) and not await Users(records, clock).has_password():
        token = await SetupToken(records, clock).issue()
        log.warning("set_up_wanted", page="/setup", one_time_token=token, valid_for="1 hour")
