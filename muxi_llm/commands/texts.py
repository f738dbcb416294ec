"""What `--help` of a command teaches, by its name: how it is typed, and what to know beside that."""

from __future__ import annotations

GOVERNING = """

The gateway is at --gateway or MUXI_LLM_GATEWAY_URL, else http://127.0.0.1:8080; MUXI_LLM_ADMIN_KEY is an
administrator's key, or your own: a gateway that has none yet says at its start how the first is made."""

TEACHING = {
    "chat": """\
examples
  muxi-llm chat -m anthropic/claude-sonnet-5
  muxi-llm chat -a report.pdf "What is in this?"
  muxi-llm chat -m openai/gpt-5.6-luna -m ollama/llama3.2 -s "Be brief"     the second if the first fails
  muxi-llm chat --tools weather.py           its public functions are the model's tools
  muxi-llm chat --continue                   where the last chat stopped
  echo "Name a planet" | muxi-llm chat       no terminal: asked once, as `ask` does

Ctrl-C stops an answer, and ends the chat where nothing is being answered; so does Ctrl-D. /help in a chat has
the rest.""",
    "ask": """\
examples
  muxi-llm ask "Name a planet"
  git diff | muxi-llm ask -m anthropic/claude-sonnet-5 "Write a commit message"
  muxi-llm ask -a photo.jpg "What is this?" > answer.txt
  muxi-llm ask -m openai/gpt-5.6-luna -m groq/openai/gpt-oss-120b "..."     the second if the first fails
  muxi-llm ask --schema person.json "Ada Lovelace" | jq .age

exit status: 0 answered, 1 not answered, 2 not understood, 130 Ctrl-C""",
    "demo": """\
examples
  muxi-llm demo                        nine calls, what they need and what comes of it
  muxi-llm demo chat                   a chat with a model that repeats what you say
  muxi-llm demo serve                  the gateway, before providers that need no key
  muxi-llm demo python my_script.py    your own program, unchanged

What is run finds every provider's key and address in its environment: they lead to this machine.""",
    "providers": """\
examples
  muxi-llm providers --configured     those a key was found for
  muxi-llm providers groq             one of them
  muxi-llm providers --json | jq '.[] | select(.configured) | .name'""",
    "models": """\
examples
  muxi-llm models groq                what Groq lists
  muxi-llm models | grep mini         of every provider that is configured""",
    "batch": """\
examples
  muxi-llm batch run prompts.jsonl -m groq/openai/gpt-oss-120b      answers go to prompts.results.jsonl
  muxi-llm batch submit prompts.jsonl -m openai/gpt-5.6-luna        prints the batch's id
  muxi-llm batch wait BATCH -o answers.jsonl

A line of prompts.jsonl is "a prompt in quotes", or {"custom_id": "1", "prompt": "...", "temperature": 0}.""",
    "harness": """\
examples
  muxi-llm harness --redis-url redis://127.0.0.1:6379     how many answers are kept there
  muxi-llm harness clear                                  at REDIS_URL: they are no more""",
    "kill-switch": """\
examples
  muxi-llm kill-switch on
  muxi-llm kill-switch status
  muxi-llm kill-switch off""",
    "serve": """\
examples
  OPENAI_API_KEY=sk-... muxi-llm serve             that provider; a token is made, and printed
  muxi-llm demo serve                              no key: providers on this machine
  muxi-llm serve --dashboard                       keys, budgets and spend, in a browser too
  muxi-llm serve --config config.yaml --workers 2
  muxi-llm client codex                            what to paste so that Codex asks it

A configuration to begin with, config.yaml; `muxi-llm check --config config.yaml` explains one:
  providers:
    - {name: openai, api_key: "${OPENAI_API_KEY}", models: [gpt-5.6-luna]}
  auth: {enabled: true, tokens: {app: "${APP_TOKEN}"}}""",
    "dashboard": """\
examples
  muxi-llm serve --dashboard                          a gateway of this machine has its own
  muxi-llm dashboard --gateway https://llm.example.com""",
    "check": """\
examples
  muxi-llm check --config config.yaml

exit status: 0 it can be served, 1 it can, and a warning says what may surprise, 2 it cannot""",
    "migrate": """\
examples
  muxi-llm migrate --config config.yaml
  muxi-llm migrate --database postgresql://muxi:secret@127.0.0.1/muxi""",
    "import": """\
examples
  muxi-llm import litellm config.yaml                     ours on stdout, what became of each field on stderr
  muxi-llm import litellm config.yaml --out gateway.yaml

exit status: 0 all of it, 1 something was dropped, 2 nothing is left to serve""",
    "client": """\
examples
  muxi-llm client claude --model anthropic/claude-sonnet-5
  muxi-llm client codex --url https://llm.example.com --model fast
  eval "$(muxi-llm client openai)"

GATEWAY_TOKEN in what is printed is the token that `muxi-llm serve` tells, or one of its configuration's.""",
    "keys": f"""\
examples
  muxi-llm keys create --name ci --team search --budget 50 --period month --rpm 60
  muxi-llm keys list --team search
  muxi-llm keys rotate KEY --grace 24h     the old one is good for another day{GOVERNING}""",
    "users": f"""\
examples
  muxi-llm users create ada --email ada@example.com --role internal_user --budget 20 --period month
  muxi-llm users list --role proxy_admin{GOVERNING}""",
    "teams": f"""\
examples
  muxi-llm teams create search --budget 500 --period month --models 'openai/*,claude-*'
  muxi-llm teams join search ada grace --role admin
  muxi-llm teams show search{GOVERNING}""",
    "orgs": f"""\
examples
  muxi-llm orgs create acme --name "Acme Ltd" --budget 5000 --period month
  muxi-llm orgs join acme ada --role org_admin{GOVERNING}""",
    "budgets": f"""\
examples
  muxi-llm budgets list
  muxi-llm budgets set team search 500 --period month
  muxi-llm budgets set team search 20 --name daily --period day --zone Europe/Berlin --tell 50,80
  muxi-llm budgets set provider openai 5000 --period month
  muxi-llm budgets set model '*' 100 --period day         each model for itself
  muxi-llm budgets remove team search --name daily{GOVERNING}""",
    "spend": f"""\
examples
  muxi-llm spend                                   each day of the last 30
  muxi-llm spend keys --since 2026-11-01           the most expensive keys
  muxi-llm spend days --team search --model gpt-5.6
  muxi-llm spend unknown                           what is booked by a guess
  muxi-llm spend correct ID 0.0123 --reason "the provider's invoice"
  muxi-llm spend export --since 2026-11-01 > november.csv{GOVERNING}""",
    "prices": f"""\
examples
  muxi-llm prices set model openai/gpt-5.6 input=1.25 cached=0.125 output=10
  muxi-llm prices set deployment openai-eu input=2 output=12
  muxi-llm prices set provider openai percent=15      off its list
  muxi-llm prices remove provider openai
  muxi-llm prices list --history{GOVERNING}""",
    "audit": f"""\
examples
  muxi-llm audit list --type key --since 2026-11-01T00:00:00Z
  muxi-llm audit verify                            all of it, read from the gateway, reckoned here
  muxi-llm audit export > audit.jsonl
  muxi-llm audit verify audit.jsonl --entries 1042 --seal 5f0c…    against what was noted then{GOVERNING}""",
    "completion": """\
examples, each a line in your shell's own file
  eval "$(muxi-llm completion bash)"     in ~/.bashrc
  eval "$(muxi-llm completion zsh)"      in ~/.zshrc, after compinit
  muxi-llm completion fish | source      in ~/.config/fish/config.fish""",
}
