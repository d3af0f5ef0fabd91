"""The files with which mediavault is deployed: systemd's units and the container's profile."""

from __future__ import annotations

import json
import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNIT = DEPLOY / "systemd/mediavault.service"
WORKER = DEPLOY / "systemd/mediavault-worker@.service"


def test_a_workers_unit_differs_from_the_vaults_in_its_command_and_its_folder_alone() -> None:
    def general(text: str) -> str:
        text = re.sub(r"Description=.*", "", text)
        return text.replace("mediavault-worker/%i", "mediavault").replace(
            "mediavault worker", "mediavault serve"
        )

    assert general(WORKER.read_text()) == general(UNIT.read_text())


def test_the_containers_profile_allows_a_sandbox_and_nothing_privileged() -> None:
    profile = json.loads((DEPLOY / "container/seccomp.json").read_text())
    (allowed,) = profile["syscalls"]
    names = set(allowed["names"])

    assert allowed["action"] == "SCMP_ACT_ALLOW"
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"chroot", "clone", "seccomp", "unshare"} <= names
    refused = {"bpf", "init_module", "io_uring_setup", "kexec_load", "keyctl", "mount",
               "pidfd_getfd", "process_vm_readv",
               "ptrace", "reboot", "settimeofday", "userfaultfd"}  # fmt: skip
    assert names & refused == set()
