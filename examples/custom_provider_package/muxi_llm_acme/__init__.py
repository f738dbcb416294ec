"""Acme, a service that speaks OpenAI's wire with a few words of its own.

Its key is in `ACME_API_KEY`; `ACME_BASE_URL` leads elsewhere.
"""

from muxi_llm.providers.compatible import OpenAICompatible


class AcmeProvider(OpenAICompatible):
    """https://acme.example.com/docs."""

    name = "acme"
    base_url = "https://api.acme.example.com/v1"

    vision_support = True
    renames = {"max_completion_tokens": "max_tokens"}
    drops = {"logit_bias": "refused by Acme"}
    ranges = {"temperature": (0, 1)}

    def authorize(self) -> dict[str, str]:
        """Acme has a header of its own for the key."""
        return {"x-acme-key": self.api_key} if self.api_key else {}
