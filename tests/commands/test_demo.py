"""`muxi-llm demo COMMAND`: another command, or a program, with every provider on this machine."""

from __future__ import annotations

import sys

from tests.support.terminal import piped


def test_another_command_finds_every_provider_here() -> None:
    done = piped("demo", "ask", "-v", "-m", "groq/any", "Hello")
    assert (done.returncode, done.stdout) == (0, 'This is any. You asked "Hello".\n')
    assert done.stderr.startswith("groq/any · ")


def test_a_program_finds_them_too() -> None:
    """Unchanged; its exit status is the demo's."""
    program = (
        "from muxi_llm import Anthropic, OpenAI, ChatCompletion\n"
        "ask = [{'role': 'user', 'content': 'Hi'}]\n"
        "print(OpenAI().chat.completions.create(model='m', messages=ask).choices[0].message.content)\n"
        "print(Anthropic().messages.create(model='n', max_tokens=9, messages=ask).content[0].text)\n"
        "raise SystemExit(3)"
    )
    done = piped("demo", sys.executable, "-c", program)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == 'This is m. You asked "Hi".\nThis is n. You asked "Hi".\n'


def test_what_cannot_be_run() -> None:
    done = piped("demo", "no-such-program")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "muxi-llm: there is no command and no program no-such-program\n"
