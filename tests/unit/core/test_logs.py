"""Logs are configured before their library is imported, which only the first line does."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, sys
from mediavault.core.logs import configure_logs, get_logger, job_context

configure_logs("warning")
log = get_logger("mediavault.a")
log.info("left_out")
print("structlog" in sys.modules)
with job_context("j", "t"):  # imports it
    log.info("left_out")
    log.warning("logged", bytes=3)
logging.getLogger("other").error("of the standard library")
configure_logs("error")
log.warning("left_out")
"""


def test_the_level_and_the_form_of_lines_hold_from_the_first_to_the_last() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]

    assert ran.stdout == "False\n"
    assert [line["event"] for line in lines] == ["logged", "of the standard library"]
    assert (lines[0]["job_id"], lines[0]["bytes"], lines[0]["level"]) == ("j", 3, "warning")
