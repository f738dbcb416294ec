"""What can be wrong with a preset, by LLMix's names and by the categories of MDA's specification."""

from __future__ import annotations


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
    words. path: of the document, where it is known.
    """

    def __init__(self, category: str, message: str, *, path: str | None = None) -> None:
        where = f"MDA config failed for {path}: " if path else ""
        super().__init__(f"{where}[{category}] {message}")
        self.category = category
        self.message = message
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.category, self.message, self.path)

    def at(self, path: str) -> MdaError:
        """The same, said of the document at *path*."""
        return type(self)(self.category, self.message, path=path)


def _restored(kind: type[MdaError], category: str, message: str, path: str | None) -> MdaError:
    return kind(category, message, path=path)
