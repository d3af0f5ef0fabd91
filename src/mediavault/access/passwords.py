"""What a password must be. Pure."""

from __future__ import annotations

from mediavault.core.errors import BadInput

MIN_CHARS = 10
MAX_CHARS = 128  # OWASP, Authentication Cheat Sheet: at least 64 must be allowed, and there must be an end
MIN_DISTINCT = 4  # "aaaaaaaaaa", "abababababab"

# The commonest ones of at least ten characters in the public lists of leaked passwords, and this program's own name.
_COMMONEST_WORDS = """
1234567890 0123456789 0987654321 9876543210 12345678910 123456789a 1q2w3e4r5t 1qaz2wsx3edc q1w2e3r4t5 qwertyuiop
qwertyuiop123 qwerty12345 qwerty123456 asdfghjkl1 zxcvbnm123 password12 password123 password1234 password12345
password123456 passw0rd123 p@ssw0rd123 p@ssword123 mypassword letmein123 letmein1234 welcome123 welcome1234
administrator admin12345 admin123456 iloveyou12 iloveyou123 sunshine123 princess123 football123 baseball123
superman123 dragon12345 monkey12345 abcdefghij abcdefghijk abc1234567 a123456789 aa12345678 qazwsxedcrfv
changeme123 changemenow secret12345 correcthorsebatterystaple trustno1trustno1 passwort123 passwort1234
hallo12345 mediavault mediavault1 mediavault123
"""
_COMMONEST = frozenset(_COMMONEST_WORDS.split())


def check_password(password: str) -> None:
    """Raise BadInput with what is wrong with a password that a person chose; the password itself is never repeated."""
    if len(password) < MIN_CHARS:
        raise BadInput(f"The password is shorter than {MIN_CHARS} characters.", help=_HELP)
    if len(password) > MAX_CHARS:
        raise BadInput(f"The password is longer than {MAX_CHARS} characters.", help=_HELP)
    if password.casefold() in _COMMONEST or len(set(password)) < MIN_DISTINCT:
        raise BadInput("The password is one of the first that anybody would try.", help=_HELP)


_HELP = "Several words that do not belong together are long, hard to guess and easy to remember."
