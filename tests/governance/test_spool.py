"""Receipts in a file: whole lines only, gone when booked, taken over from whoever is no more."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from muxi_llm.governance.budgets import Hold, Row
from muxi_llm.governance.spool import LONGEST, Spool
from muxi_llm.governance.store.money import Receipt
from tests.support.patience import until

HOLDS = (Hold("b", "", 7), Hold("p", "s", 9, "openai"))


def receipt(name: str, text: str = "") -> Receipt:
    row = Row(f"{name}:0", "usage", 12, "openai", {"input": 3, "answered": text})
    return Receipt(name, 2.5, 1.5, HOLDS, {"key_id": "k", "session": "ä\n"}, (row,))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.receipts"))


def test_what_is_booked_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    one, other = spool.append(receipt("a")), spool.append(receipt("b"))
    assert spool.waiting == 2
    spool.booked(one)
    assert files(tmp_path)[0].stat().st_size > 0
    spool.booked(other)
    assert spool.waiting == 0
    spool.close()
    assert files(tmp_path) == []


def test_nobody_takes_what_its_owner_still_has(tmp_path: Path) -> None:
    one, other = Spool(tmp_path), Spool(tmp_path)
    one.append(receipt("a"))
    assert list(other.orphans()) == []
    one.close()
    ((taken, *rest), segment), *_ = other.orphans()
    assert (taken, rest) == (receipt("a"), [])
    assert list(Spool(tmp_path).orphans()) == []
    other.booked(segment)
    other.close()
    assert len(files(tmp_path)) == 1  # the third one's own


def test_files_do_not_grow_for_ever(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    large = "x" * (LONGEST // 3)
    segments = [spool.append(receipt(str(n), large)) for n in range(8)]
    assert len(files(tmp_path)) == 3
    for segment in segments[:6]:
        spool.booked(segment)
    assert len(files(tmp_path)) == 1
    for segment in segments[6:]:
        spool.booked(segment)
    assert [path.stat().st_size for path in files(tmp_path)] == [0]
    spool.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from muxi_llm.governance.spool import Spool
from tests.governance.test_spool import receipt
spool = Spool(Path(sys.argv[1]))
for n in range(1000):
    spool.append(receipt(str(n)))
    if n == 700:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_it_had_appended(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with files(tmp_path)[0].open("ab") as file:
        file.write(b'["torn", 1.0, 2.0, [["b", ')
    spool = Spool(tmp_path)
    found = until(
        lambda: list(spool.orphans())
    )  # the system may take a moment to give a killed one's lock back
    ((receipts, segment),) = found
    assert [one.id for one in receipts] == [str(n) for n in range(701)]
    assert receipts[-1] == receipt("700")
    for _ in receipts:
        spool.booked(segment)
    spool.close()
    assert files(tmp_path) == []


FULL = """
import resource, sys
from pathlib import Path
from muxi_llm.governance.spool import Spool
from tests.governance.test_spool import receipt
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
spool = Spool(Path(sys.argv[1]))
kept = 0
try:
    while True:
        spool.append(receipt(str(kept)))
        kept += 1
except OSError as error:
    print(kept, error.strerror)
"""


def test_a_full_disk_is_told_and_keeps_what_was_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], check=True, capture_output=True, text=True
    )
    kept, _, why = done.stdout.strip().partition(" ")
    assert (int(kept) > 2, why) == (True, "File too large")
    spool = Spool(tmp_path)
    found = until(lambda: list(spool.orphans()))
    assert [receipts for receipts, _ in found] == [[receipt(str(n)) for n in range(int(kept))]]
    spool.close()


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"/proc"):
        Spool(Path("/proc/none") / tmp_path.name)
