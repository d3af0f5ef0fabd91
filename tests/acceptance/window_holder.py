"""Opens a sign-in window without a viewer and waits to be killed. Arguments: state folder,
port of the site.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mediavault.browser.login_windows import LoginWindows
from mediavault.browser.session_manager import SessionManager
from mediavault.core.clock import SystemClock
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.egress.guard import EgressGuard
from tests.acceptance.login_site import LoginSite


async def main() -> None:
    state, port = Path(sys.argv[1]), int(sys.argv[2])
    authenticator = SessionManager(state, [LoginSite(port=port).platform], SystemClock())

    async def on_closed(_: SessionState, __: BrowserTask) -> None: ...

    windows = LoginWindows(
        authenticator,
        EgressGuard([f"127.0.0.1:{port}"]),
        SystemClock(),
        executable=None,
        on_closed=on_closed,
    )
    await windows.open("lodge")
    await asyncio.Future()


asyncio.run(main())
