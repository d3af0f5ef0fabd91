"""Writes deploy/container/seccomp.json: the system calls that a container of mediavault may make.

    python scripts/seccomp.py            # needs systemd-analyze

They are nearly those of deploy/systemd/mediavault.service: systemd's group @system-service and
`chroot`. Docker's own profile refuses ordinary users what Chromium's sandbox and the helper
processes confine themselves with: new user, process and network namespaces, and a new root folder.
Everything else fails with ENOSYS, for which C libraries have a fallback.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PROFILE = Path(__file__).resolve().parents[1] / "deploy/container/seccomp.json"
GROUP = "@system-service"
ALSO = {"chroot", "pkey_alloc", "pkey_free", "pkey_mprotect"}  # V8 guards its code pages with keys
# Calls of the group that nothing here needs, and that have helped to break out of containers.
WITHOUT = {"add_key", "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "keyctl",
           "process_vm_readv", "process_vm_writev", "request_key", "userfaultfd",
           "vmsplice"}  # fmt: skip
ENOSYS = 38


def main() -> None:
    names = sorted((members(GROUP) | ALSO) - WITHOUT)
    architectures = [
        {
            "architecture": "SCMP_ARCH_X86_64",
            "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        },
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
    ]
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "archMap": architectures,
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    }
    PROFILE.write_text(json.dumps(profile, indent=1) + "\n")


def members(group: str) -> set[str]:
    """Return the calls of a group and of the groups in it."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    )
    lines = {line.strip() for line in listed.stdout.splitlines()[1:]}
    found: set[str] = set()
    for name in lines:
        if name.startswith("@"):
            found |= members(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


if __name__ == "__main__":
    main()
