"""Ids that hold for one owner alone."""

from __future__ import annotations

from muxi_llm.stored.seals import Seal


def test_seals() -> None:
    seal = Seal(b"key", "ann", "openai")
    told = seal.closed("file", "file-1")
    assert seal.opened("file", told) == "file-1"
    assert seal.opened("batch", told) is None
    assert seal._replace(owner="ben").opened("file", told) is None
    assert seal._replace(place="azure").opened("file", told) is None
    assert seal._replace(secret=b"").opened("file", told) is None
    for wrong in ("", "file-mx-", "file-mx-é", "file-mx-=", told + "A", told.replace("file-mx-", "file-")):
        assert seal.opened("file", wrong) is None
