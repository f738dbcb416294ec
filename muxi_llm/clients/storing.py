"""What a drop-in client needs to know of files and batches before anybody has some: where the rest is."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import openai

from muxi_llm.clients.options import CARRIER, Optioned


class Storing(Optioned):
    """`client.files`, `client.batches` and `client.uploads`, loaded when they are first used."""

    if not TYPE_CHECKING:  # what type checkers are told is in `beside`

        @cached_property
        def files(self) -> Any:
            """Files, of any provider that keeps some."""
            return self._resource("Files")

        @cached_property
        def batches(self) -> Any:
            """Batches, of any provider that has them."""
            return self._resource("Batches")

        @cached_property
        def uploads(self) -> Any:
            """Uploads in parts: OpenAI's alone."""
            return self._resource("Uploads")

    def _resource(self, name: str) -> Any:
        from muxi_llm.clients import stored_resources as here  # noqa: PLC0415 - for those who have some

        kind = f"Async{name}" if isinstance(self, openai.AsyncOpenAI) else name
        return getattr(here, kind)(self)

    def stored(self, request: Any) -> Any:
        """What a request asks of another provider's files or batches, `None` for any other request."""
        if not ABOUT_STORED.search(request.url.path):
            return None
        from muxi_llm.clients import stored as here  # noqa: PLC0415 - for those who have some

        options = {**self._options_of_ours, **request.extensions.get(CARRIER, {})}
        return here.operation_of(self, request, options)

    def told_form(self, request: Any, options: Any) -> None:
        """Have *request* remember a file as it was given: once it is a form, it can only be sent."""
        if options.files and str(options.url).endswith("/files"):
            from muxi_llm.clients import stored as here  # noqa: PLC0415 - for those who have some

            request.extensions = {**request.extensions, here.FORM: here.form_of(options)}

    def of_another(self, request: Any, value: Any, *, stream: bool) -> Any:
        """The answer to such a request; to be awaited by an async client."""
        from muxi_llm.clients import stored as here  # noqa: PLC0415 - for those who have some

        answered = here.aanswered if isinstance(self, openai.AsyncOpenAI) else here.answered
        return answered(request, value, stream=stream)


ABOUT_STORED = re.compile(r"/(files|batches|uploads)(/|$)")
