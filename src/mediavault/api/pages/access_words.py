"""What the domain ``access`` says to people, for the catalogues: it knows of none itself."""

from __future__ import annotations

from mediavault.access.errors import TooManyTries
from mediavault.api.catalogue import N_, gettext
from mediavault.api.pages.frame import complaint
from mediavault.api.schemas import ErrorView
from mediavault.core.failures import BadInput

SAID = (
    N_("The password is shorter than 10 characters."),
    N_("The password is longer than 128 characters."),
    N_("The password is one of the first that anybody would try."),
    N_("Several words that do not belong together are long, hard to guess and easy to remember."),
    N_("This is not it."),
    N_("Look at capitals and blanks, and try again."),
    N_("This is not the set-up token."),
    N_("The start printed it, and it holds for an hour: start again."),
    N_("The vault has got a password meanwhile."),
    N_("The vault has an owner already."),
    N_("Sign in with it."),
    N_("Sign in."),
    N_("This is not the current password."),
    N_("The password was changed elsewhere meanwhile."),
    N_("Nothing was changed."),
    N_("Too many tries."),
    N_("A token needs a name of at most 80 characters."),
    N_("Say what it is for."),
    N_("There is a token with this name already."),
    N_("Choose another name, or revoke that one."),
    N_("There is no such token."),
    N_("It may have been revoked or have ended."),
    N_("The two passwords are not the same."),
    N_("Type the new one twice."),
    N_("A token means nothing while the vault has no password."),
    N_("Set a password first."),
)
_WAIT = N_("Wait %(seconds)d seconds, and try again. Who is signed in stays signed in.")


def refusal(error: BadInput) -> ErrorView:
    """What a page says of it, in the reader's language."""
    view = complaint(error)
    if isinstance(error, TooManyTries):
        return view.model_copy(update={"help": gettext(_WAIT) % {"seconds": error.wait_s}})
    return view
