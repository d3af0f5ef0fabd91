"""``priority``, ``pause`` and ``resume``, and what other commands say meanwhile."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import POST, Run

REEL = "https://www.instagram.com/reel/Cabc123/"


def added(run: Run, url: str, *options: str) -> str:
    job_id: str = run("add", url, *options, "--json").json()["jobs"][0]["id"]
    return job_id


def test_posts_are_added_with_a_priority_and_moved(run: Run) -> None:
    job = added(run, POST, "--priority", "later")
    assert "later" in run("show", job).out
    moved = run("priority", "now", job, "--json")
    assert (moved.code, moved.json()["jobs"][0]["priority"]) == (0, "now")
    assert run("priority", "soon", job).code == 2
    assert run("priority", "now", "nonesuch").code == 2


def test_the_queue_is_paused_and_resumed(run: Run) -> None:
    job = added(run, POST)
    assert run("pause").out == "The queue is paused. Running jobs go on.\n"
    assert "(The queue is paused)" in run("show", job).out
    assert "(The queue is paused)" in run("list").out
    assert "The queue is paused." in run("limits").out
    assert run("resume").out == "Nothing is paused.\n"
    assert "paused" not in run("list").out


def test_one_site_is_paused_and_resumed(run: Run) -> None:
    reel, other = added(run, REEL), added(run, POST)
    assert [hold["site"] for hold in run("pause", "instagram", "--json").json()] == ["instagram"]
    assert "(instagram is paused)" in run("show", reel).out
    assert "paused" not in run("show", other).out
    assert run("resume", "instagram", "--json").json() == []


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_site_that_does_not_exist_is_refused_with_those_that_do(run: Run, command: str) -> None:
    ended = run(command, "instagran")
    assert ended.code == 2
    assert "instagram" in ended.err


def test_a_post_that_is_held_back_is_not_waited_for(run: Run) -> None:
    run("pause")
    ended = run("get", POST)
    assert ended.code == 1
    assert "mediavault resume" in ended.err


def test_the_doctor_names_what_is_paused_and_the_command_that_ends_it(run: Run) -> None:
    run("pause", "instagram")
    checks = {check["name"]: check for check in run("doctor", "--json").json()["checks"]}
    assert checks["Queue"]["detail"] == "instagram is paused"
    assert checks["Queue"]["help"] == "`mediavault resume instagram` resumes it."
