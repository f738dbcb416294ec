"""What can be wrong with a preset, by LLMix's names and by the categories of MDA's specification."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.presets.schema import Fault


UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
MOST_SAID = 1000
"""Characters that a message may not have, and how many it may."""


class LLMConfigError(Exception):
    """Something is wrong with a config."""


class ConfigNotFoundError(LLMConfigError):
    """It is not there."""


class ConfigAccessError(LLMConfigError):
    """It cannot be read."""


class InvalidConfigError(LLMConfigError, ValueError):
    """It says what no config may."""


class SecurityError(LLMConfigError):
    """It is not to be trusted."""


class MdaError(InvalidConfigError):
    """A document, a policy or a signature is not what it must be.

    category: the specification's word for it, such as `integrity-mismatch`. message: what is wrong, in
    words. path: of the document, where it is known. code: the command line's own, finer word, such as
    `did_web.key_not_found`, where it has one. faults: of a schema, one by one, if that is what it is about.
    """

    def __init__(
        self,
        category: str,
        message: str,
        *,
        path: str | None = None,
        code: str | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        message = UNSEEN.sub("\ufffd", message)[:MOST_SAID]  # it may quote a name: to a terminal, to a log
        where = f"MDA config failed for {path}: " if path else ""
        super().__init__(f"{where}[{category}] {message}")
        self.category = category
        self.message = message
        self.path = path
        self.code = code
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.category, self.message, self.__dict__)

    def at(self, path: str) -> MdaError:
        """The same, said of the document at *path*."""
        return type(self)(self.category, self.message, path=path, code=self.code, faults=self.faults)


def _restored(kind: type[MdaError], category: str, message: str, state: dict[str, Any]) -> MdaError:
    return kind(category, message, path=state["path"], code=state["code"], faults=state["faults"])


class ReleaseError(SecurityError, InvalidConfigError):
    """A release, or what points to it, is not what was signed or not what may be served.

    code: which fault, such as `file-digest-mismatch`; `registry` and `root` have them all.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, str(self))
