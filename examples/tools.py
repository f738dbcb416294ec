"""Let a model call your functions.

Shows:      tools in OpenAI's form on another provider; sending messages back as they are
Exercises:  muxi_llm/wire/anthropic/request.py, muxi_llm/wire/anthropic/messages.py
Run:        python examples/tools.py    (ANTHROPIC_API_KEY)
Offline:    python -m examples.offline examples/tools.py
"""

import json

from muxi_llm import ChatCompletion

MODEL = "anthropic/claude-sonnet-5"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city, now",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
                "required": ["city", "unit"],
            },
        },
    }
]


def weather(city: str, unit: str) -> str:
    """Your own function."""
    return f"18 degrees {unit} and sunny in {city}"


messages = [{"role": "user", "content": "What is the weather in Paris?"}]
message = ChatCompletion.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message

while message.tool_calls:
    messages.append(message)  # as it is: what the provider needs back (ids, signed thinking) is on it
    for call in message.tool_calls:
        print(f"the model calls {call.function.name}({call.function.arguments})")
        result = weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    message = ChatCompletion.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message

print(message.content)
