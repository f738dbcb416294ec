"""Documents, and media behind a URL that the model's provider cannot fetch.

Shows:      file parts; URLs fetched for a provider that takes base64 alone, within limits of your own
Exercises:  muxi_llm/core/media.py, muxi_llm/transport/fetch.py
Run:        python examples/multimodal.py    (ANTHROPIC_API_KEY, and a server at MY_CUSTOM_BASE_URL)
Offline:    python -m examples.offline examples/multimodal.py
"""

import base64
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer

import muxi_llm
from muxi_llm import AdaptationWarning, ChatCompletion
from muxi_llm.config import MediaPolicy
from muxi_llm.providers.base import Provider

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
GIF = base64.b64decode("R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==")


class MyCustomProvider(Provider):
    """A model that sees, on a server without a way to the web."""

    vision_support = True
    media_url_support = False


class Pictures(BaseHTTPRequestHandler):
    """Your own web server, with a picture on it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(GIF)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def ask(model: str, *parts: dict) -> None:
    """The question, what is asked about, the answer, and what had to change."""
    content = [{"type": "text", "text": "What is this?"}, *parts]
    response = ChatCompletion.create(model=model, messages=[{"role": "user", "content": content}])
    print(response.choices[0].message.content)
    print("adapted:", *response.muxi.adaptations[:1])


data_url = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
ask("anthropic/claude-sonnet-5", {"type": "file", "file": {"filename": "paper.pdf", "file_data": data_url}})

with HTTPServer(("127.0.0.1", 0), Pictures) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    picture = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{server.server_port}/a.gif"}}
    warnings.simplefilter("ignore", AdaptationWarning)
    ask("my_custom/my-model", picture)  # nothing is fetched unless you say so
    muxi_llm.config.fetch_media = MediaPolicy(allow_private=("127.0.0.1/32",))  # else: public hosts alone
    ask("my_custom/my-model", picture)
    server.shutdown()
