"""What `inspect.signature` and `help` show of a face: its parameters, not `**params`."""

from __future__ import annotations

from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Face = TypeVar("Face", bound="Callable[..., Any]")


def shows(params: type, answer: str) -> Callable[[Face], Face]:
    """A decorator: the function shows the keys of *params*, a `TypedDict`, as keyword arguments, and that it
    returns *answer*.
    """

    def decorate(function: Face) -> Face:
        own = [
            one for one in signature(function).parameters.values() if one.kind is not Parameter.VAR_KEYWORD
        ]
        further = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=said.__forward_arg__)
            for name, said in params.__annotations__.items()
        ]
        function.__signature__ = Signature(  # type: ignore[attr-defined]  # where Python looks for it
            own + further, return_annotation=answer, __validate_parameters__=False
        )
        return function

    return decorate
