"""The doctor's check of sites whose posts are no longer understood."""

from __future__ import annotations

from mediavault.app.doctor.site_checks import check_sites
from mediavault.presentation.doctor_report import DoctorVerdict


def test_three_posts_of_a_site_suggest_an_upgrade_and_two_do_not() -> None:
    many = check_sites({"x": 2, "vimeo": 3})

    assert (many.verdict, "vimeo (3 posts)" in many.detail, "x (2" in many.detail) == (
        DoctorVerdict.WARNING,
        True,
        False,
    )
    assert "--upgrade-ytdlp" in many.help
    assert check_sites({"x": 2}).verdict is DoctorVerdict.OK
