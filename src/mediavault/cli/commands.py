"""All commands by name: where each is, its help and examples, and in which group it is listed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


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
END = (
    "`mediavault COMMAND --help` has a command's options and examples."
    " Documentation: docs/commands.md; for the API, /docs of a running vault."
)

# Of `mediavault --help`, under "", and of a command: each with what it does.
EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("mediavault get URL", "save a post, and wait"),
        ("mediavault serve", "the vault, at http://127.0.0.1:8420"),
        ("mediavault follow add URL", "save what an account posts"),
        ("mediavault list --state failed", "what could not be saved"),
        ("mediavault doctor", "what is missing, and what helps"),
    ),
    "get": (
        ("mediavault get URL", "save a post, and wait"),
        ("mediavault get --audio URL URL", "the sound of two posts"),
        ("mediavault get -a links.txt", "all links in a file"),
        ("mediavault get - < links.txt", "all links on standard input"),
    ),
    "add": (
        ("mediavault add URL URL", "queue two posts"),
        ("mediavault add -a links.txt --profile audio", "the sound of all links"),
        ("mediavault add --priority later URL", "after all others"),
    ),
    "list": (
        ("mediavault list --state failed", "what could not be saved"),
        ("mediavault list --q 'night train' --limit 0", "all with these words"),
        ("mediavault list --tag music --json", "for a script"),
    ),
    "show": (
        ("mediavault show 01a22da5", "by the first characters of its id"),
        ("mediavault show URL", "by its link"),
    ),
    "retry": (
        ("mediavault retry 01a22da5", "queue it again"),
        ("mediavault retry 01a22da5 --choose 2", "candidate 2 is the video"),
        ("mediavault retry 01a22da5 --profile audio", "save its sound instead"),
    ),
    "mark": (
        ("mediavault mark 01a22da5 --favourite --tag music", ""),
        ("mediavault mark 01a22da5 --collect 'Night trains'", ""),
    ),
    "follow": (
        ("mediavault follow add URL", "an account, a list or a feed"),
        ("mediavault follow list", "what is followed, and how it goes"),
        ("mediavault follow import subscriptions.csv", "from another program"),
    ),
    "import": (
        ("mediavault import ~/Videos", "what would be imported"),
        ("mediavault import ~/Videos --apply", "import it"),
    ),
    "doctor": (
        ("mediavault doctor", "what does not work, and what helps"),
        ("mediavault doctor --verbose", "all checks"),
        ("mediavault doctor --bundle report.zip", "for a bug report"),
    ),
    "backup": (("mediavault backup vault.db", "the database, while everything runs"),),
    "completion": (
        ("source <(mediavault completion bash)", "in ~/.bashrc"),
        ("source <(mediavault completion zsh)", "in ~/.zshrc, after compinit"),
        ("mediavault completion fish | source", "in ~/.config/fish/config.fish"),
    ),
}

# How `mediavault --help` groups commands.
PANELS: Mapping[str, tuple[str, ...]] = {
    "Save posts": ("get", "add", "inspect", "classify", "profile", "login", "answer", "sessions"),
    "Watch over jobs": (
        *("list", "show", "retry", "cancel", "stop", "priority", "pause", "resume", "limits"),
    ),
    "Follow and import": ("import", "follow", "notify"),
    "Library": (*("mark", "tags", "collections", "remove", "trash", "retention", "feed", "seal"),),
    "Run the vault": ("serve", "worker", "api", "workers", "drain", "demo"),
    "Look after the vault": (
        *("doctor", "verify", "check", "arrange", "rebuild", "backup", "restore", "migrate"),
    ),
    "Access and shell": ("user", "password", "token", "completion"),
}

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
    "completion": CommandEntry(
        "completion:completion",
        "Print a script by which a shell completes commands, options and ids.",
    ),
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
            "save": CommandEntry(
                "features.following.commands.sources:save",
                "Save posts that were skipped, whatever the source's settings say.",
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
