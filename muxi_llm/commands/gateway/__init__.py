"""The gateway's commands: `muxi-llm serve` and `check`, and `llmux` as the gateways before it were called."""
