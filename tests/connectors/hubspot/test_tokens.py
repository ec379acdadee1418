"""Login to HubSpot by OAuth: one token for all processes, renewed before it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from clocks import advance_clock

import connectors
from config.redaction import redact_secrets
from config.settings import SettingsError
from connectors.errors import AuthError
from connectors.hubspot.account import client_of
from sandbox.hubspot.account import CLIENT_ID, CLIENT_SECRET, Account
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import app_state

Make = Callable[..., Context]
TOML = '[connectors.hubspot-emea]\nkind = "hubspot"\n'


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=4, leads=1)
    started.hubspot.tokens.clear()
    yield started
    started.stop()


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    return sandbox.hubspot.account


@pytest.fixture
def env(sandbox: Sandbox, account: Account) -> dict[str, str]:
    return {
        "HUBSPOT_ACCESS_TOKEN": "", "HUBSPOT_API_URL": "",
        "HUBSPOT_EMEA_API_URL": sandbox.hubspot_url, "HUBSPOT_EMEA_CLIENT_ID": CLIENT_ID,
        "HUBSPOT_EMEA_CLIENT_SECRET": CLIENT_SECRET,
        "HUBSPOT_EMEA_REFRESH_TOKEN": account.refresh_token,
    }  # fmt: skip


@pytest.fixture
def ctx(make_context: Make, env: dict[str, str]) -> Context:
    return make_context(TOML, **env)


def stored(ctx: Context) -> str:
    name = app_state.c.name.startswith("hubspot tokens:")
    with ctx.store.read() as connection:
        return str(connection.scalar(sa.select(app_state.c.value).where(name)))


class TestAToken:
    def test_is_fetched_once_for_all_processes(
        self, make_context: Make, env: dict[str, str], account: Account
    ) -> None:
        for _ in range(3):
            make_context(TOML, **env).connector("hubspot-emea", fresh=True)
        assert account.granted == 1

    def test_is_renewed_shortly_before_it_ends(self, ctx: Context, account: Account) -> None:
        client = client_of(ctx.connector("hubspot-emea"))
        client.tokens._now = lambda: ctx.now()
        advance_clock(ctx, minutes=27)
        assert (client.token, account.granted) == ("access-62515-1", 1)
        advance_clock(ctx, minutes=2)
        assert (client.token, account.granted) == ("access-62515-2", 2)

    def test_that_is_refused_is_replaced_once(
        self, ctx: Context, sandbox: Sandbox, account: Account
    ) -> None:
        opened = ctx.connector("hubspot-emea")
        sandbox.hubspot.tokens.clear()
        assert len(list(opened.read("contacts"))) == 1
        assert account.granted == 2

    @pytest.mark.parametrize("threads", [8])
    def test_is_renewed_by_one_at_a_time(
        self, ctx: Context, account: Account, threads: int
    ) -> None:
        """Each with a connection of its own, as processes have."""
        contexts = [ctx.borrow() for _ in range(threads)]
        clients = [client_of(one.open("hubspot-emea")) for one in contexts]
        barrier, tokens = threading.Barrier(threads), []

        def fetch(place: int) -> None:
            barrier.wait()
            tokens.append(clients[place].token)

        running = [threading.Thread(target=fetch, args=(n,)) for n in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert (set(tokens), account.granted) == ({"access-62515-1"}, 1)

    def test_stays_encrypted_and_out_of_texts(self, ctx: Context, account: Account) -> None:
        ctx.connector("hubspot-emea")
        assert "access-62515" not in stored(ctx)
        assert "refresh-62515" not in stored(ctx)
        assert "access-62515-1" not in redact_secrets("with access-62515-1")


class TestARefreshToken:
    def test_that_hubspot_replaces_is_kept(
        self, make_context: Make, env: dict[str, str], sandbox: Sandbox, account: Account
    ) -> None:
        account.rotates = True
        make_context(TOML, **env).connector("hubspot-emea")
        sandbox.hubspot.tokens.clear()
        make_context(TOML, **env).connector("hubspot-emea", fresh=True)
        assert account.granted == 2

    def test_of_the_environment_that_is_new_replaces_what_was_kept(
        self, make_context: Make, env: dict[str, str], sandbox: Sandbox, account: Account
    ) -> None:
        make_context(TOML, **env).connector("hubspot-emea")
        sandbox.hubspot.tokens.clear()
        account.refresh_token = "after a new installation"
        changed = {**env, "HUBSPOT_EMEA_REFRESH_TOKEN": account.refresh_token}
        make_context(TOML, **changed).connector("hubspot-emea", fresh=True)
        assert account.granted == 2

    def test_that_was_revoked_says_what_to_do(self, ctx: Context, account: Account) -> None:
        account.refresh_token = "revoked"
        with pytest.raises(AuthError) as caught:
            ctx.connector("hubspot-emea")
        text = str(caught.value)
        assert text.startswith("hubspot-emea: no access token: refresh token is invalid")
        assert "set HUBSPOT_EMEA_REFRESH_TOKEN to its new refresh token" in text
        assert "refresh-62515" not in text
        account.refresh_token = "refresh-62515"
        ctx.connector("hubspot-emea")  # nothing is held up by the attempt before

    def test_with_a_wrong_secret_names_the_variables(
        self, make_context: Make, env: dict[str, str]
    ) -> None:
        ctx = make_context(TOML, **{**env, "HUBSPOT_EMEA_CLIENT_SECRET": "wrong"})
        with pytest.raises(AuthError, match="HUBSPOT_EMEA_CLIENT_ID and HUBSPOT_EMEA_CLIENT_SEC"):
            ctx.connector("hubspot-emea")


def test_without_a_database_the_process_keeps_it(ctx: Context, account: Account) -> None:
    opened = connectors.build("hubspot-emea", ctx.settings)
    for _ in range(2):
        opened.describe()
    opened.close()
    assert account.granted == 1


def test_settings_that_lack_a_part_or_say_it_twice_are_refused(
    make_context: Make, env: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match="HUBSPOT_EMEA_CLIENT_SECRET: missing; login by OAuth"):
        make_context(TOML, **{**env, "HUBSPOT_EMEA_CLIENT_SECRET": ""})
    with pytest.raises(SettingsError, match="HUBSPOT_EMEA_ACCESS_TOKEN is set too; remove one"):
        make_context(TOML, **{**env, "HUBSPOT_EMEA_ACCESS_TOKEN": "both"})
