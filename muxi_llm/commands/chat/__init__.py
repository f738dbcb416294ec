"""The command `muxi-llm chat`. Reading order: `options` (what is asked for), `conversation` (what is said),
`attachments` and `tools` (what a message may hold besides text), `screens` and `rich_screen` (where it is
shown), `words` (what may be typed instead of a message), this (the loop).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from muxi_llm.commands.chat import options, words
from muxi_llm.commands.chat.screens import screen_of
from muxi_llm.commands.hints import hint_of
from muxi_llm.commands.main import STOPPED, complain
from muxi_llm.errors import OpenAIError

if TYPE_CHECKING:
    import argparse

    from muxi_llm.commands.chat.attachments import Content
    from muxi_llm.commands.chat.conversation import Conversation
    from muxi_llm.commands.chat.screens import Screen


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of `chat`."""
    options.add(command)
    command.add_argument(
        "-c", "--continue", action="store_true", dest="goes_on", help="go on with the last chat"
    )
    command.add_argument(
        "--no-history",
        action="store_true",
        help="keep neither what is typed nor what is said on this machine",
    )
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Chat until there is no more to say."""
    try:
        talk = options.conversation_of(given)
        first = options.content_of(given)
    except options.Misunderstood as error:
        return complain(str(error), 2)
    except OpenAIError as error:
        return complain(f"{error}\n{hint_of(error)}".rstrip(), 1)
    screen = screen_of(tells=True, keeps=not given.no_history)
    if not sys.stdin.isatty():
        if not first:
            return complain(options.NOTHING, 2)
        return 0 if said(talk, first, screen) else 1
    if given.goes_on and not talk.recall():
        screen.note("there is no earlier chat; this is a new one")
    screen.note(f"{' → '.join(talk.models)}   /help shows what may be typed, Ctrl-D ends")
    return chatting(talk, first, screen, keeps=not given.no_history)


def chatting(talk: Conversation, first: Content, screen: Screen, *, keeps: bool) -> int:
    """The loop of a terminal: the exit status."""
    content: Content | None = first
    while True:
        if content:
            said(talk, content, screen)
            if keeps:
                kept(talk, screen)
        try:
            line = screen.read()
        except EOFError:
            return 0
        except KeyboardInterrupt:
            return STOPPED
        try:
            content = words.content_of(line, talk, screen)
        except words.Ended:
            return 0
        except options.Misunderstood as error:
            screen.note(str(error))
            content = None


def kept(talk: Conversation, screen: Screen) -> None:
    """Write the conversation down; a disk that is full ends no chat."""
    try:
        talk.keep()
    except OSError as error:
        screen.note(f"this chat cannot be kept: {error}")


def said(talk: Conversation, content: Content, screen: Screen) -> bool:
    """Ask and show; whether there was an answer."""
    try:
        talk.ask(content, screen)
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        screen.note("stopped")
    except OpenAIError as error:
        screen.failed(str(error), hint_of(error))
        return False
    return True
