"""``mediavault demo``: every kind of trouble ends as it should, without the internet, within a minute."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.patience import patient


@pytest.mark.browser
def test_the_demo_ends_as_it_should_on_every_post() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mediavault", "demo", "--json"], capture_output=True, timeout=patient(280), check=False
    )
    answer = json.loads(done.stdout)
    wrong = [post for post in answer["posts"] if post["problems"]]

    assert (done.returncode, wrong) == (0, []), done.stderr.decode()[-4000:]
    assert len(answer["posts"]) >= 13
