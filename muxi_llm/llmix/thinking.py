"""Thinking in the text: `<think>` tags of models that have no better place for it."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def strip_thinking(content: str) -> tuple[str, str | None]:
    """The text without its thinking, and the thinking, `None` if there is none.

    The first closing tag ends a thought, whatever is nested in it; one that is never closed goes to the
    end, one that was never opened (templates that open it themselves) comes from the beginning. A literal
    tag in a code block is taken for one.
    """
    text = content
    if OPEN not in text:
        thought, closed, rest = text.partition(CLOSE)
        return (rest.strip(), thought.strip() or None) if closed else (text, None)
    # By index: a pattern would look for the end of each thought again and again where there is none.
    kept, thoughts, at = [], [], 0
    while (begin := text.find(OPEN, at)) >= 0:
        end = text.find(CLOSE, begin)
        kept.append(text[at:begin])
        thoughts.append(text[begin + len(OPEN) : end if end >= 0 else None])
        at = _past_space(text, end + len(CLOSE)) if end >= 0 else len(text)
    kept.append(text[at:])
    return "".join(kept).strip(), "\n".join(thoughts).strip() or None


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
