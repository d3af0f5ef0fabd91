"""How commands report errors: the same code, message and help as the API, and a documented exit code."""

from __future__ import annotations

import json
import sys

from mediavault.core.failures import MediavaultError

EXIT_JOB_FAILED = 1
EXIT_REFUSED = 2


class Exit(Exception):
    """Ends the command with this exit code, after everything was printed."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def print_error(exc: MediavaultError, *, as_json: bool) -> int:
    """Print the error, as JSON to standard output or as text to standard error; return the exit code."""
    if as_json:
        json.dump({"code": exc.code, "message": exc.message, "help": exc.help}, sys.stdout)
        sys.stdout.write("\n")
    else:
        from mediavault.presentation.labels import one_line

        sys.stderr.write(f"mediavault: {one_line(exc.message)}\n")
        if exc.help:
            sys.stderr.write(f"{one_line(exc.help)}\n")
    return EXIT_REFUSED
