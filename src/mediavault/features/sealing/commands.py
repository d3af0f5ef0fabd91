"""``seal``: makes a sealed copy of a post, or checks one. Exit code 0 sealed or intact,
1 not intact, 2 refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediavault.cli.context import run
from mediavault.cli.options import EXIT_JOB_FAILED, ID_HELP, AsJson, Exit
from mediavault.core.failures import BadInput
from mediavault.core.messages import Message

if TYPE_CHECKING:
    from mediavault.features.sealing.checking import CheckedCopy
    from mediavault.features.sealing.model import SealedCopy
    from mediavault.features.sealing.timestamps import Certificate, Timestamp

PostId = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help=f"A job's id: {ID_HELP}", show_default=False),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="FILE",
        help="The new file, or a folder for it. Default: the current folder.",
        show_default=False,
    ),
]
Check = Annotated[
    Path | None,
    typer.Option(
        "--check",
        metavar="FILE",
        help="Check a sealed copy. Needs no network and no vault.",
        show_default=False,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="FILE",
        help="With --check: trust only the authorities of this PEM file.",
        show_default=False,
    ),
]

TRUST = {
    "named": "which leads to the root that was named",
    "system": "whose root this system trusts",
    "unknown": (
        "whose root this system does not know: compare its fingerprint with what the authority"
        " publishes, and name it with --root"
    ),
}
PROBLEMS = {
    "changed": "was changed",
    "missing": "is missing",
    "extra": "is not listed",
    "oxum": "states a different size of the files",
    "manifest": "has a line that cannot be parsed",
    "timestamp": "the timestamp is not valid",
    "foreign": "is none that this version of mediavault knows: do not run it, and do not follow it",
}


def seal(
    post: PostId = None,
    *,
    to: To = None,
    check: Check = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Make a sealed copy of a post: a zip with its files, its page as it is now,
    hashes and a timestamp; or check one.
    """
    if (post is None) == (check is None):
        raise BadInput("Name either a post, or a sealed copy with --check.")
    if root is not None and check is None:
        raise BadInput("--root can only be used with --check.")
    if to is not None and check is not None:
        raise BadInput("--to cannot be used with --check.")
    if check is not None:
        _check(check, root, as_json=as_json)
    else:
        _seal(post or "", to, as_json=as_json)


def _seal(post: str, to: Path | None, *, as_json: bool) -> None:
    from mediavault.app import one_shot
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.cli.progress import steps
    from mediavault.presentation.labels import format_size, one_line

    settings = quiet_settings()
    with steps(silent=as_json) as onlooker:
        copy, file = run(one_shot.seal_copy(settings, post, (to or Path()).absolute(), onlooker))
    if as_json:
        print_json(_sealed_json(copy, file))
        return
    out().print(
        f"Sealed: {file} ({format_size(file.stat().st_size)})", markup=False, soft_wrap=True
    )
    if copy.timestamp is not None:
        out().print(one_line(_in_words(copy.timestamp)), markup=False, soft_wrap=True)
    for missing in copy.not_captured:
        out().print(
            f"Without {one_line(f'{missing.what}: {missing.reason}')}",
            markup=False,
            soft_wrap=True,
            style="yellow",
        )


def _sealed_json(copy: SealedCopy, file: Path) -> dict[str, Any]:
    from mediavault.core.typed_records import to_named_json

    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "sealed_at": copy.at.isoformat(),
        "timestamp": copy.timestamp and to_named_json(copy.timestamp, whole=True),
        "not_captured": [to_named_json(missing) for missing in copy.not_captured],
    }


def _check(file: Path, root: Path | None, *, as_json: bool) -> None:
    from mediavault.app.sealing import system_roots
    from mediavault.cli.output import print_json
    from mediavault.core.typed_records import to_named_json
    from mediavault.features.sealing.checking import check_copy

    checked = check_copy(file, roots=_roots(root), system_roots=system_roots())
    if as_json:
        print_json(
            {
                "ok": not checked.problems,
                "files": checked.files,
                "bytes": checked.bytes,
                "post_url": checked.info.get("External-Identifier"),
                "sealed_on": checked.info.get("Bagging-Date"),
                "timestamp": checked.timestamp and to_named_json(checked.timestamp, whole=True),
                "problems": [
                    {"problem": problem.kind, "path": problem.path, "detail": problem.detail}
                    for problem in checked.problems
                ],
            }
        )
    else:
        _print(checked)
    if checked.problems:
        raise Exit(EXIT_JOB_FAILED)


def _roots(root: Path | None) -> list[Certificate]:
    from mediavault.features.sealing.timestamps import BadTimestamp, read_certificates

    if root is None:
        return []
    try:
        return read_certificates(root.read_bytes())
    except OSError as exc:
        raise BadInput(
            Message("%(file)s cannot be read: %(error)s.", file=root, error=exc.strerror or exc)
        ) from exc
    except BadTimestamp as exc:
        raise BadInput(Message("%(file)s has no certificate in PEM form.", file=root)) from exc


def _print(checked: CheckedCopy) -> None:
    from mediavault.cli.output import out
    from mediavault.core.messages import counted
    from mediavault.presentation.labels import format_size, one_line

    def line(text: str, style: str | None = None) -> None:
        out().print(one_line(text), markup=False, soft_wrap=True, style=style)

    for problem in checked.problems:
        detail = f" ({problem.detail})" if problem.detail else ""
        line(f"{problem.path}: {PROBLEMS[problem.kind]}{detail}")
    line(f"{counted(checked.files, 'file')}, {format_size(checked.bytes)}")
    line(f"Post: {checked.info.get('External-Identifier', 'not stated')}")
    line(
        f"Sealed on {checked.info.get('Bagging-Date', 'an unknown day')}, according to the copy"
        " itself"
    )
    line(
        _in_words(checked.timestamp)
        if checked.timestamp
        else "There is no valid timestamp: nothing proves when it was made."
    )
    if checked.problems:
        line("This copy has changed since it was sealed.", "red")
    else:
        line("Every file is as it was sealed.", "green")


def _in_words(stamp: Timestamp) -> str:
    return (
        f"Timestamp: {stamp.at:%Y-%m-%d %H:%M:%S} UTC by {stamp.authority} ({stamp.root},"
        f" SHA-256 {stamp.root_sha256}), "
    ) + TRUST[stamp.trust]
