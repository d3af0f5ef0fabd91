"""The doctor's check of access: whether the vault is protected."""

from __future__ import annotations

from mediavault.auth.authenticator import token_of
from mediavault.auth.oidc import provider_rules
from mediavault.auth.proxies import proxy_rules
from mediavault.core.failures import BadSetting
from mediavault.core.settings import Settings
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext
from mediavault.server.security import needs_a_password, no_password

MIN_TOKEN_CHARS = 20  # a shorter one may be a word that can be guessed


def check_access(settings: Settings, *, has_password: bool) -> Check:
    """Check whether the vault is protected, and by what."""
    try:
        login, provider = proxy_rules(settings).login, provider_rules(settings)
        if needs_a_password(settings) and not has_password:
            raise no_password(settings)
    except BadSetting as exc:
        return Check("Access", DoctorVerdict.BROKEN, exc.message, exc.help)
    token = token_of(settings)
    if token and len(token) < MIN_TOKEN_CHARS:
        advice = gettext("Set MEDIAVAULT_TOKEN to a random value of at least %(count)s characters.") % {
            "count": MIN_TOKEN_CHARS
        }
        return Check("Access", DoctorVerdict.WARNING, gettext("MEDIAVAULT_TOKEN is short enough to be guessed"), advice)
    protections = [
        words
        for words, is_so in (
            (gettext("the owner's password"), has_password),
            ("MEDIAVAULT_TOKEN", token is not None),
            (gettext("the reverse proxy's %(header)s") % {"header": settings.proxy_header}, login is not None),
            (provider.title if provider else "", provider is not None),
        )
        if is_so
    ]
    if protections:
        return Check(
            "Access", DoctorVerdict.OK, gettext("protected by %(what)s") % {"what": gettext(" or ").join(protections)}
        )
    if settings.setup:
        advice = gettext("Start it and open /setup with the token that it prints, or run `mediavault password`.")
        return Check("Access", DoctorVerdict.WARNING, gettext("waits to be set up"), advice)
    fact = gettext("no password: open to all users of this machine, and to no one else; `mediavault password` sets one")
    return Check("Access", DoctorVerdict.OK, fact)
