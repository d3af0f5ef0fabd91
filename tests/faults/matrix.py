"""The fault matrix: every fault that the vault must survive, and the test that proves it.

A row has tests here, marked ``@pytest.mark.fault("F07", "ENOSPC at each write", by="a small
tmpfs")``, or it names a test elsewhere, or says why it does not apply. A row that has none of these
fails ``make faults``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

COLUMNS = "row   outcome   seconds  fault | injected by"

# Row -> (fault, `folder/file.py::test` below tests/ that proves it, or the reason why there is
# none)
ELSEWHERE: dict[str, tuple[str, str]] = {
    "F03": ("kill -9 of Chromium",
            "acceptance/test_browser_capture.py::test_a_browser_killed_during_a_visit_is_started_again_for_it"),
    "F16": ("deadlock, serialization failure, statement timeout", (
        "unit/store/test_postgres_errors.py::test_a_temporary_error_is_retried"
    )),
    "F20": ("the WAL-reset window", (
        "unit/store/test_sqlite_store.py::test_a_sqlite_that_may_corrupt_the_database_is_refused"
    )),
    "F21": ("MongoDB: a primary steps down (unsafe write concerns are refused)",
            "component/store/test_mongodb_store.py::test_a_completion_waits_for_a_primary_that_has_stepped_down"),
    "F23": ("many workers claim", (
        "contract/test_store_processes.py::test_processes_claim_each_job_exactly_once"
    )),
    "F25": ("heartbeat lost, worker alive", (
        "unit/worker/test_worker.py::test_a_worker_that_cannot_renew_stops_before_the_lease_ends"
    )),
    "F27": ("suspended for minutes", (
        "nowhere of its own: F24 freezes past the lease, at each stage"
    )),
    "F28": ("slow upstream", (
        "component/download/test_direct.py::test_a_slow_connection_is_tolerated"
    )),
    "F29": ("reset at byte N", (
        "component/download/test_direct.py::test_a_connection_that_breaks_is_resumed"
    )),
    "F30": ("wrong length", (
        "component/download/test_direct.py::test_more_bytes_than_announced_are_refused_too"
    )),
    "F31": ("endless body", (
        "component/download/test_direct.py::test_a_body_without_end_is_cut_off_at_the_limit"
    )),
    "F32": ("decompression bombs", (
        "unit/egress/test_client.py::test_a_decompression_bomb_stops_at_the_limit"
    )),
    "F33": ("redirect loops", (
        "unit/egress/test_client.py::test_too_many_redirects_are_an_http_error"
    )),
    "F34": ("429 and 503 with Retry-After", (
        "unit/core/test_retry_after.py::test_retry_after_is_seconds_or_a_date_and_a_day_at_most"
    )),
    "F35": ("200 with something else", (
        "component/download/test_direct.py::test_a_part_of_another_video_never_gets_into_the_file"
    )),
    "F36": ("TLS that is not valid", (
        "unit/egress/test_client.py::test_a_certificate_that_is_not_valid_is_a_network_failure"
    )),
    "F37": ("faulty HLS",
            "component/download/test_segments.py::test_a_stream_with_a_segment_that_stays_faulty_is_never_saved"),
    "F39": ("a page that spins",
            "acceptance/test_browser_capture.py::test_a_spinning_page_ends_within_its_time_and_others_continue"),
    "F40": ("renderer crash", (
        "acceptance/test_browser_capture.py::test_a_renderer_that_dies_ends_only_its_visit"
    )),
    "F41": ("alerts, reloads, pop-ups, print in loops", (
        "acceptance/test_browser_capture.py::test_a_page_of_dialogs_reloads_or_pop_ups_is_read"
    )),
    "F42": ("a page that starts endless downloads",
            "acceptance/test_browser_capture.py::test_a_page_that_starts_endless_downloads_writes_no_file"),
    "F43": ("a second browser on the profile",
            "acceptance/test_browser_capture.py::test_a_second_process_on_the_same_state_folder_works_anonymously"),
    "F44": ("zombie or orphan browsers", (
        "unit/browser/test_processes.py::test_a_browsers_whole_group_is_killed"
    )),
    "F45": ("stale profile lock",
            "acceptance/test_browser_capture.py::test_a_stale_lock_of_another_host_does_not_prevent_the_start"),
    "F47": ("signed out", (
        "unit/extraction/test_walls.py::test_being_sent_to_a_login_page_is_a_login_wall"
    )),
    "F56": ("network file systems without rename-noreplace",
            "unit/library/test_local.py::test_without_renameat2_a_hard_link_does_not_replace_the_target_either"),
}  # fmt: skip


@dataclass(slots=True)
class Entry:
    """One line: the tests that share the row, the fault and the way of injecting it."""

    row: str
    fault: str
    by: str
    outcomes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    left_out: bool = False  # by `-m "not long"`: `make faults` runs it

    @property
    def outcome(self) -> str:
        bad = sum(outcome != "passed" for outcome in self.outcomes)
        if not self.outcomes and self.left_out:
            return "long"
        if not self.outcomes:
            return "not run"
        return f"{bad} FAILED" if bad else f"{len(self.outcomes)} passed"


class Table:
    """The marked tests and their outcomes."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], Entry] = {}
        self._of_test: dict[str, list[Entry]] = {}

    def expect(self, test: str, row: str, fault: str, *, by: str) -> None:
        entry = self._entries.setdefault((row, fault, by), Entry(row, fault, by))
        self._of_test.setdefault(test, []).append(entry)

    def leave_out(self, row: str, fault: str, by: str) -> None:
        """Record that a test of this row was deselected,
        so that its row counts as one that has a test.
        """
        self._entries.setdefault((row, fault, by), Entry(row, fault, by)).left_out = True

    def record(self, test: str, outcome: str, when: str, seconds: float) -> None:
        """Record the ``outcome`` of a phase of a test:
        setup and teardown count only when they failed.
        """
        for entry in self._of_test.get(test, ()):
            entry.seconds += seconds
            if when == "call" or outcome != "passed":
                entry.outcomes.append(outcome)

    def unmarked(self) -> list[str]:
        """Return the rows that have neither a test nor a reason."""
        known = {entry.row for entry in self._entries.values()} | ELSEWHERE.keys()
        return [row for row in (f"F{number:02}" for number in range(1, 59)) if row not in known]

    def lines(self) -> list[str]:
        here = [
            (
                entry.row,
                (
                    f"{entry.row:<5} {entry.outcome:<9} {entry.seconds:7.1f}  {entry.fault} |"
                    f" {entry.by}"
                ),
            )
            for entry in self._entries.values()
        ]
        referenced = [
            (row, f"{row:<5} elsewhere       -  {fault} | {where}")
            for row, (fault, where) in ELSEWHERE.items()
        ]
        missing = [
            (row, f"{row:<5} MISSING         -  no test, and no reason for none")
            for row in self.unmarked()
        ]
        return [
            COLUMNS,
            *(line for _, line in sorted(here + referenced + missing, key=lambda pair: pair[0])),
        ]
