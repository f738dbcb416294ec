"""Make an image from words, and take it out of the answer.

Shows:      Image.create; what a model does not take is told; the same by OpenAI's own client
Exercises:  muxi_llm/image.py, muxi_llm/wire/openai/images.py, muxi_llm/clients/beside.py
Run:        python examples/image_generation.py    (OPENAI_API_KEY; it costs some cents)
Offline:    python -m examples.offline examples/image_generation.py
"""

import base64
import warnings

from muxi_llm import AdaptationWarning, Image, InvalidRequestError, OpenAI

PROMPT = "A red dot on white paper"
warnings.simplefilter("ignore", AdaptationWarning)  # shown below

response = Image.create(model="openai/gpt-image-1", prompt=PROMPT, size="1024x1024", style="vivid")
picture = base64.b64decode(response.data[0].b64_json or "")
print(f"{response.muxi.model}: {len(picture)} bytes, a PNG: {picture[1:4] == b'PNG'}")
for adaptation in response.muxi.adaptations:
    print("adapted:", adaptation)

# As with chat: another provider is another name, and a chain is a list of them.
# Image.create(model="together/black-forest-labs/FLUX.1-schnell", prompt=PROMPT,
#              fallback_models=["google/gemini-2.5-flash-image"])

client = OpenAI()
again = client.images.generate(model="gpt-image-1", prompt=PROMPT)
print("by OpenAI's client:", len(again.data), "image")

try:
    Image.create(model="groq/openai/gpt-oss-120b", prompt=PROMPT)
except InvalidRequestError as error:
    print("refused:", str(error)[:80])
