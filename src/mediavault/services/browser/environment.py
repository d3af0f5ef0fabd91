"""Which variables of our environment a browser and its driver get to see: those named here, and no others.

A page that breaks out of its renderer finds what the browser's processes were started with, and our own environment may
hold passwords of databases and buckets.
"""

from __future__ import annotations

from collections.abc import Mapping

# A name that ends in "_" means every name that begins with it.
_BROWSER = (
    "PATH",  # Debian's and Snap's `chromium` are shell scripts
    "HOME",  # certificates that the person trusts (~/.pki)
    "USER",  # named in the lock of a profile
    "LANG",
    "LANGUAGE",
    "LC_",  # languages of messages, sorting, and the pages' default language
    "TZ",  # pages show times
    "TMPDIR",
    "XDG_",  # where this user's fonts, settings and caches are, and the session's runtime folder
    "FONTCONFIG_",  # without it systems with fonts in other places (Nix, Guix) show boxes
    "LD_LIBRARY_PATH",  # libraries outside of the system's folders (Nix, Conda)
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",  # how NixOS starts programs that were built for other systems
    "CHROME_DEVEL_SANDBOX",  # the setuid sandbox, where the kernel has no user namespaces
    # for a window on a person's own screen:
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",  # input methods, light or dark
    "GTK_IM_MODULE",
    "XMODIFIERS",  # input methods for scripts that a keyboard cannot type
)

_DRIVER = (
    *_BROWSER,
    "PLAYWRIGHT_BROWSERS_PATH",  # where Playwright's own Chromium is looked for
    "PW_",  # what Playwright's Python side tells its driver
)


def for_browser(own: Mapping[str, str]) -> dict[str, str]:
    """What of ``own`` a browser gets."""
    return _only(_BROWSER, own)


def for_driver(own: Mapping[str, str]) -> dict[str, str]:
    """What of ``own`` Playwright's driver, a Node.js program, gets."""
    return _only(_DRIVER, own)


def _only(names: tuple[str, ...], own: Mapping[str, str]) -> dict[str, str]:
    prefixes = tuple(name for name in names if name.endswith("_"))
    return {name: value for name, value in own.items() if name in names or name.startswith(prefixes)}
