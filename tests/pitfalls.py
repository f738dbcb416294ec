"""What translators between the protocols got wrong elsewhere, by number, and where it is shown right here.

A test shows a row by naming it, `pitfall_12` or `pitfall_60b`, in its name or its case's; `test_pitfalls` finds
them all. `GATEWAY` names rows that are shown through a running gateway as well.
"""

from __future__ import annotations

import re
from pathlib import Path

ROWS = {
    # streams, put together
    "1": "thinking and text are blocks of their own", "2": "a message starts once",
    "3": "blocks open, say, close, without gaps", "4": "usage from the first event on",
    "5": "calls are counted by themselves", "6": "parallel calls stay apart",
    "7": "a call's arguments are its own, and none are an object", "8": "a call's id and name are told once",
    "9": "the first chunk has the role", "10": "the last chunk has the reason",
    "11": "usage is told to those who ask", "12": "and asked for whether they do or not",
    "13": "no choices are no crash", "14": "usage counts wherever it rides",
    "15": "what breaks a stream is its last event", "16": "an error behind a 200 is one",
    "17": "a cut stream is no answer", "18": "a whole one has its end",
    "19": "a response's events, all of them, numbered", "20": "items keep their places",
    "21": "an error is never mute",
    # why it stopped
    "22": "a call is a call whatever the reason says", "23": "Gemini's too", "24": "rare reasons are told",
    "25": "an answer the model spoilt is a failure",
    # thinking
    "26": "thinking comes first, as it was", "27": "a signature alone is kept",
    "28": "signed thinking is for who signed it", "29": "what is redacted goes back as it came",
    "30": "Gemini's signatures stay at their parts", "31": "reasoning goes with its call",
    "32": "unknown fields pass on the same wire", "33": "effort is mapped, and lost effort told",
    "34": "each attempt is translated from the request", "35": "budgets fit their bounds",
    "36": "thinking is known by model", "37": "what is lost is told, and refused in strict mode",
    # messages
    "38": "system messages stay where they stand", "39": "no empty text", "40": "null is null, beside calls",
    "41": "results of a turn come together, and first", "42": "turns of one role are one",
    "43": "as many answers as calls", "44": "results stay at their calls",
    "45": "text or parts, everywhere", "46": "nothing is fetched that was not allowed",
    "47": "no detail is invented", "48": "documents keep their type", "49": "pictures in results stay pictures",
    "50": "citations are told",
    # tools
    "51": "schemas fit their reader, and the caller's stays", "52": "ids of letters that are taken",
    "53": "and of a length that is", "54": "names too, and back", "55": "tools keep their order",
    "56": "every block has its counterpart", "57": "structured answers by what the model has",
    # usage and headers
    "58": "cached tokens are counted once", "59": "betas go where they are known",
    "60": "tokens are counted, and a guess says so", "60b": "stop sequences of blanks are dropped",
    "60c": "a model's name is split once",
    # rules
    "61": "most tokens are the model's most", "62": "temperatures fit, and that is told",
    "63": "several answers, or a word about it", "64": "what has no counterpart is told",
    "65": "choices of tools, both ways", "66": "developers are the system, or the other way",
    "67": "effort and budget by one table", "68": "arguments are text here and objects there",
    "69": "strict stays strict", "70": "functions of old", "71": "refusals are told as such",
    "72": "marks of the cache for who reads them", "73": "pings are nothing", "74": "an end of each one's own",
    "75": "events however they are cut", "76": "one limit by three names", "77": "what is kept, or refused",
    "78": "ids and models as the client knows them",
}  # fmt: skip

GATEWAY = {
    **dict.fromkeys(
        ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"), "tests/gateway/test_streams.py"
    ),
    **dict.fromkeys(("15", "16", "17", "18", "19", "20", "22", "23", "74"), "tests/gateway/test_streams.py"),
    **dict.fromkeys(("21", "32", "59", "60", "73"), "tests/gateway/test_claude_code.py"),
    **dict.fromkeys(("77", "78"), "tests/gateway/test_own.py"),
}

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"pitfall_(\d+[a-z]?(?:_\d+[a-z]?)*)(?![\da-z])")


def shown() -> dict[str, set[str]]:
    """Row → files of tests that name it."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for numbers in NAMED.findall(path.read_text()):
            for number in numbers.split("_"):
                found.setdefault(number.lstrip("0"), set()).add(str(path.relative_to(ROOT)))
    return found
