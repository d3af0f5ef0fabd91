"""``mediavault demo``: every fault ends as it should, without the internet."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.patience import patient

LIMIT_S = 240.0


@pytest.mark.browser
def test_the_demo_ends_as_it_should_on_every_post() -> None:
    command = [sys.executable, "-m", "mediavault", "demo", "--json"]
    done = subprocess.run(command, capture_output=True, timeout=patient(LIMIT_S), check=False)
    answer = json.loads(done.stdout)
    wrong = [post for post in answer["posts"] if post["problems"]]

    assert (done.returncode, wrong) == (0, []), (
        f"{json.dumps(wrong, indent=1)}\n{done.stderr.decode()[-4000:]}"
    )
    assert len(answer["posts"]) >= 13
