"""The management API on loopback, over a real store, with people of every role in it."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx2
import uvicorn

from muxi_llm.governance.api.app import Management
from muxi_llm.governance.api.asking import Asking
from muxi_llm.governance.bounds import OwnKeys
from muxi_llm.governance.login.browsers import Browsers
from muxi_llm.governance.login.logins import Logins
from muxi_llm.governance.login.routes import router
from muxi_llm.governance.login.sessions import Sessions
from muxi_llm.governance.store.bootstrap import Bootstrap
from muxi_llm.governance.store.people import People
from muxi_llm.governance.store.records import Records
from muxi_llm.types.login import LoginSettings
from tests.support.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.governance.api.control import Gateway
    from muxi_llm.governance.store.engine import Store


class Managed:
    """`with Managed(store) as managed`: its `url`; `managed.first` is the bootstrap token; `managed.keys` has a
    key of each role once `managed.peopled()`.
    """

    def __init__(
        self,
        store: Store,
        own: OwnKeys | None = None,
        gateway: Gateway | None = None,
        login: Callable[[str], LoginSettings] | LoginSettings | None = None,
        served: Callable[[Management], Any] = lambda app: app,
    ) -> None:
        """login: or what makes it of the `url`. served: what is served, made of the API."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.records = Records(store)
        bootstrap = Bootstrap(store)
        self.first = bootstrap.begin()
        people = People(store)
        logging_in = login(self.url) if callable(login) else login or LoginSettings()
        self.logins = Logins(logging_in, Sessions(store), self.records, people)
        asking = Asking(self.records, people, bootstrap, Browsers(self.logins))
        beside = [router(self.logins, bootstrap)]
        self.app = Management(self.records, asking, bootstrap, own or OwnKeys(), gateway, beside)
        options = uvicorn.Config(served(self.app), log_level="warning", timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(options)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._kept = ExitStack()
        self.keys: dict[str, str] = {}

    def __enter__(self) -> Managed:
        self._client = self._kept.enter_context(httpx2.Client(base_url=self.url, timeout=60))
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.logins.close()

    def ask(self, method: str, path: str, by: str = "", /, **given: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {by}"} if by else {}
        return self._client.request(method, path, headers={**headers, **given.pop("headers", {})}, **given)

    def ok(self, path: str, by: str = "", /, **body: Any) -> Any:
        """What a POST answers that has to go well."""
        reply = self.ask("POST", path, by or self.keys["admin"], json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def told(self, path: str, by: str = "", /, **query: Any) -> Any:
        """What a GET answers that has to go well."""
        reply = self.ask("GET", path, by or self.keys["admin"], params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def begun(self) -> str:
        """The first key, by the bootstrap token."""
        headers = {"x-llmux-bootstrap-token": self.first}
        reply = self.ask("POST", "/key/generate", headers=headers, json={"key_name": "first"})
        assert reply.status_code == 200, reply.text
        self.keys["admin"] = reply.json()["key"]
        return self.keys["admin"]

    def peopled(self) -> None:
        """An organization with two teams, and somebody of every role, each with a key."""
        self.begun()
        self.ok("/organization/new", organization_id="acme")
        self.ok("/team/new", team_id="red", organization_id="acme")
        self.ok("/team/new", team_id="blue")
        for user, role, more in PEOPLE:
            self.ok("/user/new", user_id=user, user_role=role, **more)
            self.keys[user] = self.ok("/key/generate", user_id=user)["key"]
        self.ok(
            "/organization/member_add",
            organization_id="acme",
            members=[{"user_id": "olga", "user_role": "org_admin"}],
        )
        self.ok("/team/member_add", team_id="red", members=[{"user_id": "tina", "role": "admin"}])
        self.keys["bare"] = self.ok("/key/generate", key_name="bare")["key"]
        self.keys["caller"] = self.ok("/key/generate", user_id="admin", key_type="llm_api")["key"]
        self.keys["looker"] = self.ok("/key/generate", user_id="admin", key_type="read_only")["key"]
        self.keys["machine"] = self.ok("/key/generate", key_type="management")["key"]


PEOPLE: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("vera", "proxy_admin_viewer", {}),
    ("olga", "org_admin", {}),
    ("tina", "internal_user", {"team_id": "red"}),
    ("ann", "internal_user", {"team_id": "red"}),
    ("walt", "internal_user_viewer", {"team_id": "red"}),
    ("cleo", "customer", {"team_id": "red"}),
)
