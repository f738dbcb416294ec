"""The soak of `bench`, short: whole, without errors, in flat memory."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.length import long
from tests.support.patience import LIFETIME
from tests.support.process import ROOT


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_gateway_goes_on_as_it_began() -> None:
    seconds = long(600, 10)
    told = subprocess.run(
        [sys.executable, "-m", "bench.soak", "--seconds", str(seconds), "--rate", "20"],
        check=False, capture_output=True, text=True, cwd=ROOT, timeout=LIFETIME + seconds,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    *_, sums = told.stdout.splitlines()
    assert sums.endswith("; well")
    answers = re.match(r"(\d+) answers", sums)
    assert answers
    assert int(answers[1]) >= seconds  # it was asked, however busy the machine is
    assert told.stdout.count(" 0 errors") == 20
