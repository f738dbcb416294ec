"""Talk to a model over an open connection.

Shows:      a realtime session with another provider, by OpenAI's own client; who has none is refused by name
Exercises:  muxi_llm/clients/realtime.py, muxi_llm/clients/naming.py
Run:        python examples/realtime.py    (XAI_API_KEY; pip install "muxi-llm[realtime]")
Offline:    python -m examples.offline examples/realtime.py
"""

from muxi_llm import OpenAI, UnsupportedParameterError

client = OpenAI()

# The session is OpenAI's own: its methods, its events. Where it goes, and by whose key, the model says.
with client.realtime.connect(model="xai/grok-voice-latest") as session:
    session.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello there"}]}
    )
    session.response.create(response={"output_modalities": ["text"]})
    for event in session:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
        elif event.type == "response.done":
            break
print()

try:
    client.realtime.connect(model="groq/llama-3.3-70b-versatile")
except UnsupportedParameterError as error:
    print(error.message)
