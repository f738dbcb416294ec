"""Logging in over HTTP: what browsers keep, what other sites cannot make them do, and where they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.types.login import LoginSettings, OidcSettings
from tests.support.managed import Managed
from tests.support.oidc import CLIENT, SECRET, OidcProvider, sent_back


@pytest.fixture
def server() -> Iterator[OidcProvider]:
    with OidcProvider() as one:
        yield one


@pytest.fixture
def managed(tmp_path: Path, server: OidcProvider) -> Iterator[Managed]:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    back = "http://127.0.0.1/auth/oidc/callback"
    oidc = OidcSettings(
        server.url, CLIENT, back, SECRET, roles={"admins": "proxy_admin"}, default_role="internal_user"
    )
    with Managed(store, login=LoginSettings(oidc)) as one:
        one.begun()
        yield one
    store.close()


@pytest.fixture
def browser(managed: Managed) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=managed.url, follow_redirects=False) as one:
        yield one


def come_back(browser: httpx2.Client, onward: str = "/") -> httpx2.Response:
    """Log in at the provider; the answer to coming back."""
    begun = browser.get("/auth/oidc/login", params={"next": onward})
    assert begun.status_code == 302
    return browser.get("/auth/oidc/callback", params=sent_back(begun.headers["location"]))


def test_by_the_provider_and_out(browser: httpx2.Client, server: OidcProvider) -> None:
    server.person["groups"] = ["admins"]
    back = come_back(browser, "/dashboard")
    assert (back.status_code, back.headers["location"]) == (302, "/dashboard")
    for cookie in back.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Domain" not in cookie
        assert "Path=/" in cookie
    assert list(browser.cookies) == ["muxi-session"]
    assert browser.get("/key/list").json()["total"] == 1
    made = browser.post("/key/generate", json={"key_name": "mine"}, headers={"sec-fetch-site": "same-origin"})
    assert made.status_code == 200
    kept = browser.cookies["muxi-session"]
    assert browser.post("/auth/logout").status_code == 200
    assert not list(browser.cookies)
    for cookie in ("", kept, "made-up"):
        assert browser.get("/key/list", headers={"cookie": f"muxi-session={cookie}"}).status_code == 401


def test_by_a_key(browser: httpx2.Client, managed: Managed) -> None:
    entered = browser.post("/auth/login", json={"key": managed.keys["admin"]})
    assert entered.status_code == 200
    assert managed.keys["admin"] not in entered.text + entered.headers["set-cookie"]
    assert browser.get("/user/list").json()["total"] == 1
    wrong = browser.post("/auth/login", json={"key": "sk-muxi-wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
    assert "wrong" not in wrong.text


def test_over_tls_no_other_host_can_have_put_it_there(managed: Managed) -> None:
    with httpx2.Client(base_url=managed.url, headers={"x-forwarded-proto": "https"}) as browser:
        entered = browser.post("/auth/login", json={"key": managed.keys["admin"]})
    assert entered.headers["set-cookie"].startswith("__Host-muxi-session=")
    assert "Secure" in entered.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_another_site_s_page_changes_nothing(
    browser: httpx2.Client, managed: Managed, headers: dict[str, str]
) -> None:
    browser.post("/auth/login", json={"key": managed.keys["admin"]})
    for path, body in (
        ("/key/generate", {}),
        ("/auth/logout", {}),
        ("/auth/login", {"key": managed.keys["admin"]}),
    ):
        told = browser.post(path, json=body, headers=headers)
        assert (told.status_code, told.json()["error"]["code"]) == (403, "cross_site")
    assert browser.get("/key/list").json()["total"] == 1
    own = f"http://{urlsplit(managed.url).netloc}"
    assert browser.post("/key/generate", json={}, headers={"origin": own}).status_code == 200


def test_a_session_that_was_there_before_is_nobody_s(browser: httpx2.Client, managed: Managed) -> None:
    """Whoever has put a name of their own choice into a browser knows none that is worth anything."""
    planted = "planted-by-somebody-else"
    entered = browser.post(
        "/auth/login", json={"key": managed.keys["admin"]}, headers={"cookie": f"muxi-session={planted}"}
    )
    first = browser.cookies["muxi-session"]
    assert first != planted
    assert entered.status_code == 200
    assert browser.get("/key/list", headers={"cookie": f"muxi-session={planted}"}).status_code == 401
    browser.post("/auth/login", json={"key": managed.keys["admin"]})
    assert browser.cookies["muxi-session"] != first
    browser.cookies.clear()
    assert browser.get("/key/list", headers={"cookie": f"muxi-session={first}"}).status_code == 401


def test_nobody_is_sent_elsewhere_and_a_code_is_good_once(browser: httpx2.Client) -> None:
    assert come_back(browser, "https://evil.example/").headers["location"] == "/"
    begun = browser.get("/auth/oidc/login")
    told = sent_back(begun.headers["location"])
    held = browser.cookies["muxi-login"]
    assert browser.get("/auth/oidc/callback", params=told).status_code == 302
    again = browser.get("/auth/oidc/callback", params=told, headers={"cookie": f"muxi-login={held}"})
    assert (again.status_code, again.json()["error"]["code"]) == (403, "login_failed")


def test_another_browser_s_login_is_not_taken_over(browser: httpx2.Client, managed: Managed) -> None:
    with httpx2.Client(base_url=managed.url) as other:
        told = sent_back(other.get("/auth/oidc/login", follow_redirects=False).headers["location"])
        assert browser.get("/auth/oidc/callback", params=told).status_code == 403
        assert "muxi-session" not in browser.cookies


def test_a_viewer_looks_and_a_user_sees_their_own(browser: httpx2.Client, managed: Managed) -> None:
    come_back(browser)
    assert browser.get("/key/list").json()["total"] == 0
    assert browser.get("/audit/logs").status_code == 403
    own = {"sec-fetch-site": "same-origin"}
    assert browser.post("/key/generate", json={}, headers=own).status_code == 200
    assert browser.get("/key/list").json()["total"] == 1
    (user,) = [one for one in managed.told("/user/list")["data"] if one["user_id"] != "admin"]
    managed.ok("/user/update", user_id=user["user_id"], blocked=True)
    assert browser.get("/key/list").status_code == 401


def test_whoever_is_away_is_told_of(managed: Managed, server: OidcProvider) -> None:
    server.close()
    told = managed.ask("GET", "/auth/oidc/login")
    assert (told.status_code, told.json()["error"]["code"]) == (502, "login_provider")
