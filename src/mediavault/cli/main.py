"""The command line. ``main`` returns the exit code: 0 done, 1 the job failed, 2 refused."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mediavault.cli.options import EXIT_REFUSED, Exit, print_error
from mediavault.cli.streams import OutputLost, watched
from mediavault.core.failures import BadInput, MediavaultError

if TYPE_CHECKING:
    import typer


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command as ``module:function`` of this package or of a feature, and the first paragraph of
    its help.

    The module is imported only when the command is used, so that no command waits for the imports
    of the others.
    """

    function: str
    help: str

    def load(self) -> Callable[..., None]:
        """Return the command. It will show the secrets in addresses:
        its user can read the database anyway.
        """
        from mediavault.presentation.preferences import current, use

        use(replace(current(), with_secrets=True))
        module, _, name = self.function.partition(":")
        package = "mediavault" if module.startswith("features.") else "mediavault.cli"
        function: Callable[..., None] = getattr(
            importlib.import_module(f"{package}.{module}"), name
        )
        return function


ABOUT = "Saves the video behind a link and verifies that it plays."

COMMANDS: Mapping[str, CommandEntry] = {
    "serve": CommandEntry(
        "serving:serve", "Run the whole vault: API, pages and a worker, in one process."
    ),
    "get": CommandEntry("get:get", "Save posts and wait for them."),
    "add": CommandEntry("jobs:add", "Add posts by their URLs, all of them or none."),
    "list": CommandEntry("jobs:list_jobs", "List jobs, newest first or in another order."),
    "show": CommandEntry("jobs:show", "Show one job and its history."),
    "retry": CommandEntry(
        "jobs:retry",
        "Queue failed or cancelled jobs again; --choose says which videos are the post's.",
    ),
    "stop": CommandEntry(
        "features.recording.commands:stop",
        "End recordings of running streams, and save what they have.",
    ),
    "cancel": CommandEntry("jobs:cancel", "Cancel jobs."),
    "priority": CommandEntry(
        "jobs:priority",
        (
            "Move jobs in the queue: now comes before normal, and normal before later; the oldest"
            " of each first."
        ),
    ),
    "pause": CommandEntry(
        "jobs:pause",
        "Start no more jobs, of one site or of any, until they are resumed. Running jobs go on.",
    ),
    "resume": CommandEntry(
        "jobs:resume",
        (
            "End the pause of one site, or of the whole queue. Sites that were paused by name stay"
            " paused then."
        ),
    ),
    "remove": CommandEntry("jobs:remove", "Move jobs to the trash."),
    "trash": CommandEntry(
        "features.trash.commands:trash", "List the trash, restore a post, or empty the trash."
    ),
    "mark": CommandEntry(
        "features.marks.commands:mark",
        "Note something about posts: favourite, watched, pinned, tags, collections, a note.",
    ),
    "tags": CommandEntry(
        "features.marks.commands:tags",
        "List the tags with the number of their posts; or rename or remove one.",
    ),
    "collections": CommandEntry(
        "features.marks.commands:collections",
        "List the collections with the number of their posts; or rename or remove one.",
    ),
    "limits": CommandEntry(
        "jobs:limits",
        (
            "Show each site's limits: whether it is closed, until when and why; when its next"
            " request is allowed, the daily limit of its account, its jobs, and how many posts no"
            " extractor understood within seven days."
        ),
    ),
    "login": CommandEntry(
        "login:login", "Sign in to a site, to save posts that it shows to signed-in users only."
    ),
    "answer": CommandEntry(
        "login:answer",
        (
            "Open a browser window on the post of a job that needs you; the job continues when you"
            " close it."
        ),
    ),
    "sessions": CommandEntry(
        "login:sessions",
        "Show the sessions, when they expire, and how many jobs wait for a sign-in.",
    ),
    "inspect": CommandEntry(
        "inspect:inspect", "Look at a post: its items, the candidates, the choice and why."
    ),
    "classify": CommandEntry(
        "classify:classify",
        (
            "Say what URLs name: post, profile, playlist, live, story, redirect or unsupported."
            " Needs no network."
        ),
    ),
    "check": CommandEntry("check:check", "Check whether media files are whole and playable."),
    "worker": CommandEntry("serving:worker", "Run a worker only."),
    "workers": CommandEntry(
        "workers:workers",
        (
            "List the workers of all machines that were seen within 90 seconds; exit code 1 when"
            " there is none."
        ),
    ),
    "drain": CommandEntry(
        "workers:drain",
        (
            "Let workers finish their jobs, claim nothing more, and exit; exit code 1 when there is"
            " no worker."
        ),
    ),
    "api": CommandEntry("serving:api", "Run the API and the pages only; a worker runs elsewhere."),
    "migrate": CommandEntry(
        "database:migrate",
        (
            "Apply pending migrations and print the database's state; with --to, move everything to"
            " another database."
        ),
    ),
    "backup": CommandEntry(
        "database:backup", "Write the whole database into a new file, while the vault runs."
    ),
    "restore": CommandEntry(
        "database:restore",
        "Add what a backup has and the configured database lacks. May be repeated.",
    ),
    "verify": CommandEntry(
        "library:verify", "Find files that are missing, damaged or without a job."
    ),
    "seal": CommandEntry(
        "features.sealing.commands:seal",
        (
            "Make a sealed copy of a post: a zip with its files, its page as it is now, hashes and"
            " a timestamp; or check one."
        ),
    ),
    "rebuild": CommandEntry(
        "library:rebuild", "Restore the jobs of all videos that match their sidecar."
    ),
    "arrange": CommandEntry(
        "library:arrange",
        (
            "Move the videos into the layout of the settings, and write missing files for media"
            " servers."
        ),
    ),
    "import": CommandEntry(
        "features.importing.commands:import_folder",
        (
            "Import a folder of videos from yt-dlp, MeTube, Tube Archivist, Pinchflat or anything"
            " else. Changes nothing unless --apply is given."
        ),
    ),
    "password": CommandEntry(
        "user:password", "Set the owner's password, or another user's, and end the user's sessions."
    ),
    "doctor": CommandEntry("doctor:doctor", "Check the installation."),
    "demo": CommandEntry(
        "serving:demo",
        "Start a practice site with a post for every kind of failure, and save them all.",
    ),
}

GROUPS: Mapping[str, tuple[str, Mapping[str, CommandEntry]]] = {
    "user": (
        "Users of the vault besides its owner, each with a role.",
        {
            "add": CommandEntry(
                "user:add", "Add a user. Asks for the password, which the user can change."
            ),
            "list": CommandEntry(
                "user:list_users", "List the users with their roles; the owner is not listed."
            ),
            "role": CommandEntry(
                "user:change_role",
                "Give a user another role. A running vault knows it within seconds.",
            ),
            "remove": CommandEntry(
                "user:remove",
                "Remove a user with favourites, positions, tokens and links. Posts stay.",
            ),
        },
    ),
    "profile": (
        "Profiles: in which quality posts are saved, whether as audio only, and under which name.",
        {
            "list": CommandEntry(
                "features.profiles.commands:list_profiles",
                "List the profiles and where each is the default.",
            ),
            "add": CommandEntry(
                "features.profiles.commands:add", "Add a profile, or change one of yours."
            ),
            "remove": CommandEntry(
                "features.profiles.commands:remove", "Remove a profile. Posts saved with it stay."
            ),
        },
    ),
    "follow": (
        "Accounts, lists and feeds whose new posts are saved.",
        {
            "add": CommandEntry(
                "features.following.commands.sources:add",
                "Follow an account, a list or a feed. A worker checks it within a minute.",
            ),
            "list": CommandEntry(
                "features.following.commands.sources:list_sources",
                "List the sources and their state.",
            ),
            "pause": CommandEntry(
                "features.following.commands.sources:pause",
                "Stop checking a source until it is resumed. Its earlier posts wait too.",
            ),
            "change": CommandEntry(
                "features.following.commands.sources:change",
                (
                    "Change a source. Options that are left out stay as they are; an empty text or"
                    " a length of 0 removes a setting."
                ),
            ),
            "resume": CommandEntry(
                "features.following.commands.sources:resume", "Resume a paused source."
            ),
            "check": CommandEntry(
                "features.following.commands.sources:check",
                "Let a worker check a source within a minute.",
            ),
            "remove": CommandEntry(
                "features.following.commands.sources:remove",
                "Stop following a source. Its posts stay.",
            ),
            "export": CommandEntry(
                "features.following.commands.lists:export",
                (
                    "Export all sources as OPML 2.0, with their settings, for other programs or for"
                    " a later import."
                ),
            ),
            "import": CommandEntry(
                "features.following.commands.lists:import_list",
                (
                    "Follow the sources in a list: OPML, Google Takeout subscriptions, NewPipe,"
                    " FreeTube, Invidious, or one link per line."
                ),
            ),
        },
    ),
    "retention": (
        "Rules for deleting saved posts.",
        {
            "show": CommandEntry(
                "features.retention.commands:show",
                "List the rules and the posts that can be deleted now. Changes nothing.",
            ),
            "set": CommandEntry(
                "features.retention.commands:set_rule",
                (
                    "Set a rule. Without a condition it keeps everything; without --on it only"
                    " lists posts."
                ),
            ),
            "clear": CommandEntry("features.retention.commands:clear", "Remove a rule."),
        },
    ),
    "notify": (
        "What is notified of saved and failed posts: webhooks, and services that Apprise knows.",
        {
            "add": CommandEntry(
                "features.notifications.commands:add",
                "Add a target. A webhook's secret is shown only once.",
            ),
            "list": CommandEntry(
                "features.notifications.commands:list_targets",
                "List the targets and their states. Secrets are not shown.",
            ),
            "test": CommandEntry(
                "features.notifications.commands:send_test",
                "Send a test to a target; exit code 1 if it is not delivered.",
            ),
            "remove": CommandEntry(
                "features.notifications.commands:remove", "Remove a target and its deliveries."
            ),
        },
    ),
    "token": (
        "Tokens for programs, each with what it may do.",
        {
            "add": CommandEntry("token:add", "Create a token. It is shown only once."),
            "list": CommandEntry(
                "token:list_tokens",
                "List name, scope and last use of every token, never the token itself.",
            ),
            "revoke": CommandEntry(
                "token:revoke",
                "Revoke a token by its name or id. A running vault refuses it within seconds.",
            ),
        },
    ),
    "feed": (
        "RSS feeds of the library, for podcast apps and feed readers.",
        {
            "add": CommandEntry(
                "features.rss.commands:add",
                "Make an RSS feed of a filter of the library, and print its address.",
            ),
            "list": CommandEntry(
                "features.rss.commands:list_feeds",
                "List name, filter, last request and address of every RSS feed.",
            ),
            "revoke": CommandEntry(
                "features.rss.commands:revoke",
                "Revoke an RSS feed by its name or id. Its addresses stop working at once.",
            ),
        },
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    with watched() as streams:
        try:
            code = copy_context().run(_run, argv)
        except OutputLost:
            code = EXIT_REFUSED
        return streams.hand_over(code)


def _run(argv: Sequence[str]) -> int:
    as_json = "--json" in argv
    try:
        refuse_other_systems(sys.platform, getattr(sys.implementation, "_multiarch", ""))
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
    """Return the command line. Only the command or group ``used`` is loaded;
    of the others it has the help.
    """
    import typer

    from mediavault.cli.options import root_options

    app = typer.Typer(
        name="mediavault",
        help=ABOUT,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root_options)
    for name, entry in COMMANDS.items():
        function = entry.load() if name == used else _not_loaded
        app.command(name, help=entry.help if name != used else None)(function)
    for group, (words, commands) in GROUPS.items():
        parts = typer.Typer(name=group, help=words, no_args_is_help=True)
        for name, entry in commands.items():
            parts.command(name)(entry.load() if group == used else _not_loaded)
        app.add_typer(parts)
    return app


def _not_loaded() -> None:
    """Stand for a command that is not used."""
