"""The functions of a Python file as a model's tools: their signatures are the schemas, pydantic's work."""

from __future__ import annotations

import inspect
import json
import runpy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter, ValidationError, validate_call
from pydantic.json_schema import GenerateJsonSchema

from muxi_llm.commands.chat.attachments import Misunderstood

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Tools:
    """Functions by their names."""

    functions: Mapping[str, Callable[..., Any]]

    @classmethod
    def of(cls, path: Path) -> Self:
        """The public functions that *path* defines; running it is what the caller asked for."""
        try:
            found = runpy.run_path(str(path), run_name=path.stem)
        except (ImportError, OSError, SyntaxError) as error:
            raise Misunderstood(f"--tools: {path}: {type(error).__name__}: {error}") from error
        functions = {
            name: value
            for name, value in found.items()
            if inspect.isfunction(value) and value.__module__ == path.stem and not name.startswith("_")
        }
        if not functions:
            raise Misunderstood(f"--tools: {path} defines no public function")
        return cls(functions)

    @property
    def declared(self) -> list[dict[str, Any]]:
        """In OpenAI's form."""
        return [
            {"type": "function", "function": _declared(name, own)} for name, own in self.functions.items()
        ]

    def result(self, name: str, arguments: str) -> str:
        """What calling it comes to, for the model to read: a failure too."""
        if name not in self.functions:
            return f"there is no function {name}; there are: {', '.join(self.functions)}"
        try:
            value = validate_call(self.functions[name])(**json.loads(arguments or "{}"))
        except (TypeError, ValueError, ValidationError, LookupError, ArithmeticError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _declared(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    signature: Any = function
    schema = TypeAdapter(signature).json_schema(schema_generator=_ByName)
    return {"name": name, "description": inspect.getdoc(function) or "", "parameters": schema}


class _ByName(GenerateJsonSchema):
    """Arguments as an object, however they may be passed."""

    def arguments_schema(self, schema: Any) -> Any:
        return self.kw_arguments_schema(schema["arguments_schema"], None)
