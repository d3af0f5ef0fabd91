"""What a browser is started with."""

from __future__ import annotations

from pathlib import Path

from mediavault.services.browser.launch import environment_for
from mediavault.services.browser.profile import claim_profile


def test_what_a_browser_writes_beside_its_profile_stands_in_the_state_folder(tmp_path: Path) -> None:
    """Crash reports, settings of sound and desktop, caches: nothing of it goes into the person's own home."""
    profile = claim_profile(tmp_path)
    own = {"HOME": "/home/jane", "XDG_CONFIG_HOME": "/home/jane/.config", "MEDIAVAULT_TOKEN": "hunter2"}
    given = environment_for(profile, own)
    profile.release()

    assert given["HOME"] == "/home/jane"  # certificates that she trusts lie there
    assert Path(given["XDG_CONFIG_HOME"]).is_relative_to(tmp_path / "browser")
    assert Path(given["XDG_CACHE_HOME"]).is_relative_to(tmp_path / "browser")
    assert "MEDIAVAULT_TOKEN" not in given
