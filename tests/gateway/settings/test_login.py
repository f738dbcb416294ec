"""`auth.oidc` and `auth.session`, in both dialects, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.types.login import LoginSettings, OidcSettings

YAML = """\
providers: [{name: openai, api_key: k, models: [gpt-5.6]}]
auth:
  oidc:
    issuer_url: https://login.example.com
    client_id: gateway
    client_secret: s
    redirect_url: https://llm.example.com/auth/oidc/callback
    claim_mapping: {role: realm_access.roles}
    roles: {llm-admins: proxy_admin}
    default_role: internal_user
    user_allowed_email_domain: example.com
    user_id_upsert: false
  session: {ttl: 1h, state_ttl: 5m}
"""
TOML = """\
[[backend]]
model = "openai:gpt-5.6"
[provider.openai]
api_key = "k"
[auth.oidc]
issuer_url = "https://login.example.com"
client_id = "gateway"
client_secret = "s"
redirect_url = "https://llm.example.com/auth/oidc/callback"
claim_mapping = {role = "realm_access.roles"}
roles = {llm-admins = "proxy_admin"}
default_role = "internal_user"
user_allowed_email_domain = ["example.com"]
user_id_upsert = false
[auth.session]
ttl = "1h"
state_ttl = "5m"
"""
SAID = LoginSettings(
    OidcSettings(
        issuer="https://login.example.com",
        client_id="gateway",
        redirect_url="https://llm.example.com/auth/oidc/callback",
        client_secret="s",
        claims={"role": "realm_access.roles"},
        roles={"llm-admins": "proxy_admin"},
        default_role="internal_user",
        domains=("example.com",),
        creates=False,
    ),
    ttl=3600,
    state_ttl=300,
)


@pytest.mark.parametrize(("name", "content"), [("c.yaml", YAML), ("c.toml", TOML)])
def test_both_dialects_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    settings = files.read(str(file))[0]
    assert settings.login == SAID
    assert "client_secret" not in repr(settings)


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        ("    client_id: gateway\n", "", "auth.oidc.client_id: is missing"),
        ("https://login.example.com", "http://login.example.com", "auth.oidc.issuer_url: must be https"),
        ("/auth/oidc/callback", "/callback", "auth.oidc.redirect_url: must end in /auth/oidc/callback"),
        ("{role:", "{roles:", "auth.oidc.claim_mapping: says where role, email, name are found, not 'roles'"),
        ("client_secret", "secret", "auth.oidc.secret: there is no such key; did you mean 'client_secret'"),
        ("ttl: 1h", "ttl: long", "auth.session.ttl: must be a time"),
    ],
)
def test_what_is_wrong_is_told_where_it_is(tmp_path: Path, was: str, now: str, why: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(YAML.replace(was, now, 1))
    with pytest.raises(ConfigurationError) as told:
        files.read(str(file))
    assert why in str(told.value)


def test_who_says_nothing_has_sessions_by_key(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(YAML.partition("auth:")[0])
    assert files.read(str(file))[0].login == LoginSettings()
