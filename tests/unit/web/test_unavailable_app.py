"""A vault that waits for its database answers every request only with the message that it is
starting.
"""

from __future__ import annotations

import pytest

from mediavault.web.unavailable_app import create_app
from tests.asgi_client import AsgiClient


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/jobs/1", "/openapi.json"])
async def test_every_path_answers_that_it_is_starting(path: str) -> None:
    answer = await AsgiClient(create_app()).get(path)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["code"] == "STORE_UNAVAILABLE"
    assert answer.json()["message"] == "Starting: waiting for the database."


async def test_a_browser_gets_the_message_as_a_page() -> None:
    answer = await AsgiClient(create_app()).get("/", accept="text/html")

    assert answer.status == 503
    assert "Starting: waiting for the database." in answer.text
