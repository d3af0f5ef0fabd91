"""The command line. ``main`` returns the exit code: 0 done, 1 the job failed, 2 refused."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING

from mediavault.cli.commands import ABOUT, COMMANDS, END, EXAMPLES, GROUPS, PANELS, CommandEntry
from mediavault.cli.options import EXIT_REFUSED, Exit, print_error
from mediavault.cli.streams import OutputLost, watched
from mediavault.core.failures import BadInput, MediavaultError

if TYPE_CHECKING:
    import typer

ONE_LINE_CHARS = 62  # of a command's help in a list, on a terminal with 80 columns
COMPLETE = "_MEDIAVAULT_COMPLETE"  # the variable by which a shell asks for completions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    with watched() as streams:
        try:
            code = copy_context().run(_run, argv)
        except OutputLost:
            code = EXIT_REFUSED
        if arguments is None:  # the process ends: collecting its objects is an eighth of `list`
            gc.freeze()
        return streams.hand_over(code)


def _run(argv: Sequence[str]) -> int:
    as_json = "--json" in argv
    try:
        refuse_other_systems(sys.platform, getattr(sys.implementation, "_multiarch", ""))
        if COMPLETE in os.environ:
            from mediavault.cli.completion import complete

            return complete(app_of, os.environ, COMPLETE)
        app_of(next(iter(argv), ""))(args=argv, prog_name="mediavault")
    except MediavaultError as exc:
        return print_error(exc, as_json=as_json)
    except Exit as exc:
        return exc.exit_code
    except SystemExit as exc:
        # typer's own: help, an interrupt, or a usage error, which it has printed
        code = exc.code if isinstance(exc.code, int) else EXIT_REFUSED
        if code == EXIT_REFUSED and as_json:
            print_error(
                BadInput("The command line is not understood.", help="See `mediavault --help`."),
                as_json=True,
            )
        return code
    return 0


def refuse_other_systems(platform: str, triplet: str) -> None:
    """Raise BadInput on a system that lacks what every command needs. ``triplet`` is CPython's,
    as in x86_64-linux-musl.
    """
    if platform in ("win32", "cygwin"):
        raise BadInput(
            "mediavault does not run on Windows.",
            help="Use WSL 2 (Windows Subsystem for Linux), or the container.",
        )
    # Playwright's driver, which starts the browser, is built for glibc alone
    if triplet.endswith("-musl"):
        raise BadInput(
            "mediavault needs glibc, and this system has musl.",
            help="Use a Debian-based image, or the container.",
        )


def app_of(used: str) -> typer.Typer:
    """Return the command line with only the command or group ``used``; where there is no such
    one, with the help of all.
    """
    import typer

    from mediavault.cli.options import root_options

    is_known = used in COMMANDS or used in GROUPS
    app = typer.Typer(
        name="mediavault",
        help=ABOUT,
        epilog=f"{_examples('')}\n\n{END}",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root_options)
    for panel, names in PANELS.items():
        for name in [used] * (used in names) if is_known else names:
            if name in COMMANDS:
                _add_command(app, name, COMMANDS[name], panel, is_used=name == used)
                continue
            words, commands = GROUPS[name]
            parts = typer.Typer(name=name, help=words, epilog=_examples(name), no_args_is_help=True)
            for part, entry in commands.items():
                parts.command(part)(entry.load() if name == used else _not_loaded)
            app.add_typer(parts, short_help=_in_short(words), rich_help_panel=panel)
    return app


def _add_command(
    app: typer.Typer, name: str, entry: CommandEntry, panel: str, *, is_used: bool
) -> None:
    app.command(
        name,
        help=None if is_used else entry.help,
        short_help=_in_short(entry.help),
        epilog=_examples(name),
        rich_help_panel=panel,
    )(entry.load() if is_used else _not_loaded)


def _in_short(words: str) -> str:
    """Return the first part of a help that says what the command is for, for a list of commands."""
    first = words.partition(". ")[0].partition("; ")[0].removesuffix(".")
    before, colon, _ = first.partition(": ")
    is_cut = colon and len(before) > len("profiles") and len(first) > ONE_LINE_CHARS
    return f"{before if is_cut else first}."


def _examples(command: str) -> str | None:
    """Return the examples of a command as the end of its help."""
    examples = EXAMPLES.get(command)
    if examples is None:
        return None
    width = max(len(typed) for typed, _ in examples)
    lines = (f"{typed:<{width}}  {words}".rstrip() for typed, words in examples)
    return "\n".join(["EXAMPLES", *lines])


def _not_loaded() -> None:
    """Stand for a command that is not used."""
