"""How a helper's answer is read."""

from __future__ import annotations

import pytest

from mediavault.sandbox.process import ChildFailed, read_answer


@pytest.mark.parametrize("out", [b"", b"no JSON", b"[]", b"[" * 100_000, b"\xff"])
def test_an_unreadable_answer_is_a_failure_of_the_helper(out: bytes) -> None:
    with pytest.raises(ChildFailed):
        read_answer(out)
