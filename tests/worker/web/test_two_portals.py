"""Two HubSpot accounts at one address: each event, card and step finds its own connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from constants import HUBSPOT_SECRET, NUMBER, PUBLIC_URL
from crms import Crm
from fixture_types import Serve, Sync
from processes import until

from sandbox.hubspot.app_calls import encoded, signed_v2, signed_v3
from sandbox.run import Sandbox
from worker.context import Context
from worker.ops import account_change
from worker.store.tables import changed_records, contacts, rechecks
from worker.web.hubspot.portal import Portal, Portals

TOML = '[connectors.hubspot-emea]\nkind = "hubspot"\n'
NAMES = ("hubspot", "hubspot-emea")
HOME, EMEA = 62515, 99


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=4, leads=1)
    started.hubspot.scopes.add("automation")
    yield started
    started.stop()


@pytest.fixture
def emea() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=4, leads=1, seed=8, portal_id=EMEA)
    started.hubspot.scopes.add("automation")
    yield started
    started.stop()


@pytest.fixture(params=["own secrets", "one secret"])
def env(request: pytest.FixtureRequest, sandbox: Sandbox, emea: Sandbox) -> dict[str, str]:
    """Two apps, or one app that is installed in both accounts."""
    second = HUBSPOT_SECRET if request.param == "one secret" else "emea-secret"
    return {**environment(sandbox, emea), "HUBSPOT_EMEA_CLIENT_SECRET": second}


def environment(sandbox: Sandbox, emea: Sandbox) -> dict[str, str]:
    return {
        **sandbox.env(), **emea.env(suffix="EMEA"), "PUBLIC_URL": PUBLIC_URL,
        "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET, "HUBSPOT_EMEA_CLIENT_SECRET": "emea-secret",
    }  # fmt: skip


@pytest.fixture
def ctx(make_context: Callable[..., Context], env: dict[str, str]) -> Context:
    return make_context(TOML, **env)


def learn(ctx: Context) -> None:
    for name in NAMES:
        assert Portal(ctx, name).learn() in (HOME, EMEA)


def event(portal: int | None, record_id: str, kind: str = "contact.creation") -> dict[str, Any]:
    of = {} if portal is None else {"portalId": portal}
    return {"subscriptionType": kind, "objectId": int(record_id), **of}


def post(url: str, secret: str, body: Any, path: str = "", query: str = "") -> requests.Response:
    sent, where = encoded(body), f"/webhooks/hubspot{path}{query}"
    headers = signed_v3(secret, f"{PUBLIC_URL}{where}", sent)
    return requests.post(f"{url}{where}", data=sent, headers=headers)


def changed(ctx: Context) -> set[tuple[str, str]]:
    c = changed_records.c
    with ctx.store.read() as connection:
        return {tuple(row) for row in connection.execute(sa.select(c.connector, c.record_id))}


class TestEvents:
    def test_find_the_connection_of_their_account(
        self, serve: Serve, ctx: Context, env: dict[str, str]
    ) -> None:
        learn(ctx)
        url, second = serve(TOML, **env), env["HUBSPOT_EMEA_CLIENT_SECRET"]
        assert post(url, HUBSPOT_SECRET, [event(HOME, "5")]).status_code == 204
        assert post(url, second, [event(EMEA, "5"), event(EMEA, "6")]).status_code == 204
        assert changed(ctx) == {("hubspot", "5"), ("hubspot-emea", "5"), ("hubspot-emea", "6")}

    def test_of_another_account_are_refused_and_the_rest_of_the_batch_is_taken(
        self, serve: Serve, ctx: Context, env: dict[str, str]
    ) -> None:
        """HubSpot sends a refused batch again for a day: nothing is lost, and twice is once."""
        learn(ctx)
        url = serve(TOML, **env)
        batch = [event(HOME, "5"), event(7, "6"), event(None, "7")]
        for _ in range(2):
            answer = post(url, HUBSPOT_SECRET, batch)
            assert answer.status_code == 409
            assert "HubSpot account (none), 7" in answer.json()["error"]
        assert changed(ctx) == {("hubspot", "5")}

    def test_wait_where_the_accounts_are_not_known_yet(
        self, serve: Serve, ctx: Context, env: dict[str, str]
    ) -> None:
        url, second = serve(TOML, **env), env["HUBSPOT_EMEA_CLIENT_SECRET"]
        first = post(url, second, [event(EMEA, "5")])
        assert (first.status_code, first.headers["Retry-After"]) == (503, "60")
        until(lambda: Portal(ctx, "hubspot-emea").known() == EMEA, "the account")
        assert post(url, second, [event(EMEA, "5")]).status_code == 204
        assert changed(ctx) == {("hubspot-emea", "5")}

    def test_one_secret_lets_a_mixed_batch_in_event_by_event(
        self, serve: Serve, make_context: Callable[..., Context], sandbox: Sandbox, emea: Sandbox
    ) -> None:
        env = {**environment(sandbox, emea), "HUBSPOT_EMEA_CLIENT_SECRET": HUBSPOT_SECRET}
        ctx = make_context(TOML, **env)
        learn(ctx)
        batch = [event(HOME, "5"), event(EMEA, "5"), event(HOME, "6")]
        assert post(serve(TOML, **env), HUBSPOT_SECRET, batch).status_code == 204
        assert changed(ctx) == {("hubspot", "5"), ("hubspot-emea", "5"), ("hubspot", "6")}


@pytest.mark.parametrize("env", ["own secrets"], indirect=True)
class TestASecretOfAnotherAccount:
    def test_lets_no_event_in(
        self, serve: Serve, ctx: Context, env: dict[str, str], sandbox: Sandbox, sync: Sync
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        record_id = crm.ids()[0]
        crm.edit(record_id, {"phone/phone": NUMBER})
        sync(ctx, "hubspot")
        learn(ctx)
        url = serve(TOML, **env)
        erased = event(HOME, record_id, "contact.privacyDeletion")
        assert post(url, "emea-secret", [erased, event(EMEA, "5")]).status_code == 409
        assert post(url, "nobody's", [erased]).status_code == 403
        assert changed(ctx) == {("hubspot-emea", "5")}
        with ctx.store.read() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM contact_numbers")) > 0

    def test_opens_no_card_and_starts_no_step(
        self, serve: Serve, ctx: Context, env: dict[str, str], sandbox: Sandbox
    ) -> None:
        learn(ctx)
        url, calls = serve(TOML, **env), sandbox.hubspot.app_calls
        shown = {"objectId": 5, "objectTypeId": "0-1"}
        for path in ("/card", "/card/recheck"):
            answer = post(url, "emea-secret", shown, path, calls.card_query())
            assert answer.status_code == 403
        body = encoded(calls.step("5"))
        where = "/webhooks/hubspot/recheck"
        headers = signed_v2("emea-secret", f"{PUBLIC_URL}{where}", body)
        assert requests.post(f"{url}{where}", data=body, headers=headers).status_code == 403
        with ctx.store.read() as connection:
            assert connection.execute(sa.select(rechecks)).all() == []


class TestCardsAndSteps:
    def test_are_of_the_record_in_their_own_account(
        self, serve: Serve, ctx: Context, env: dict[str, str], sandbox: Sandbox, emea: Sandbox,
        sync: Sync,
    ) -> None:  # fmt: skip
        """Also with the same id, and before anybody has asked which account is whose."""
        sync(ctx, "hubspot")
        record_id = Crm.all(sandbox)["hubspot"].ids()[0]
        secrets = {"hubspot": HUBSPOT_SECRET, "hubspot-emea": env["HUBSPOT_EMEA_CLIENT_SECRET"]}
        url = serve(TOML, **env)
        known = {}
        for name, portal in (("hubspot", sandbox), ("hubspot-emea", emea)):
            calls = portal.hubspot.app_calls
            shown = {"objectId": int(record_id), "objectTypeId": "0-1"}
            answer = post(url, secrets[name], shown, "/card/recheck", calls.card_query())
            known[name] = answer.json()["known"]
            step, where = encoded(calls.step(record_id)), "/webhooks/hubspot/recheck"
            headers = signed_v2(secrets[name], f"{PUBLIC_URL}{where}", step)
            assert requests.post(f"{url}{where}", data=step, headers=headers).status_code == 200
        assert known == {"hubspot": True, "hubspot-emea": False}
        c = rechecks.c
        with ctx.store.read() as connection:
            asked = connection.execute(sa.select(c.connector, c.record_id, c.callback != "")).all()
        assert sorted(map(tuple, asked)) == [
            (name, record_id, by_step) for name in NAMES for by_step in (False, True)
        ]


@pytest.mark.parametrize("env", ["own secrets"], indirect=True)
def test_links_name_the_account_where_there_are_several(ctx: Context) -> None:
    """HubSpot would show the record of the account that one used last."""
    assert (
        ctx.connector("hubspot-emea")
        .record_url("contacts", "5")
        .endswith("/contacts/99/record/0-1/5")
    )
    assert [Portals(ctx).of(NAMES, str(EMEA))] == [["hubspot-emea"]]


class TestTheOnlyConnectionWithAnotherAccount:
    """Its records are of HOME, and it was given the token of EMEA, as production after a trial."""

    @pytest.fixture
    def url(self, serve: Serve, sandbox: Sandbox, emea: Sandbox, ctx: Context, sync: Sync) -> str:
        sync(ctx, "hubspot")
        emea.hubspot.tokens.add("another token")
        return serve(**self.env(emea))

    def env(self, emea: Sandbox) -> dict[str, str]:
        app = {"PUBLIC_URL": PUBLIC_URL, "HUBSPOT_CLIENT_SECRET": HUBSPOT_SECRET}
        return {**emea.env(), **app, "HUBSPOT_ACCESS_TOKEN": "another token"}

    def known(self, ctx: Context) -> int:
        query = sa.select(sa.func.count()).select_from(contacts)
        with ctx.store.read() as connection:
            return connection.scalar(query.where(contacts.c.connector == "hubspot")) or 0

    def test_takes_no_event_for_a_record_of_the_same_id(self, url: str, ctx: Context) -> None:
        """What is erased or merged there is somebody else; HubSpot sends it again for a day."""
        with ctx.store.read() as connection:
            record_id = connection.scalar(
                sa.select(contacts.c.record_id).where(contacts.c.connector == "hubspot").limit(1)
            )
        before = self.known(ctx)
        for kind in ("contact.creation", "contact.privacyDeletion"):
            for portal in (EMEA, HOME):
                answer = post(url, HUBSPOT_SECRET, [event(portal, record_id, kind)])
                assert answer.status_code == 503
        assert (self.known(ctx), changed(ctx)) == (before, set())

    def test_shows_nobody_on_its_card(self, url: str, ctx: Context) -> None:
        body = {"objectId": 1, "objectTypeId": "0-1"}
        for portal in (EMEA, HOME):
            answer = post(url, HUBSPOT_SECRET, body, "/card", f"?portalId={portal}")
            assert answer.status_code in (403, 503)

    def test_takes_events_again_once_the_name_has_the_account(
        self, url: str, ctx: Context, make_context: Callable[..., Context], emea: Sandbox
    ) -> None:
        """Without a restart; those of the former account no more."""
        assert post(url, HUBSPOT_SECRET, [event(EMEA, "5")]).status_code == 503
        database = ctx.settings.database_url
        moved = make_context(**self.env(emea), DATABASE_URL=database)
        list(account_change.execute(moved, account_change.plan(moved, "hubspot"), "an admin"))
        until(lambda: post(url, HUBSPOT_SECRET, [event(EMEA, "5")]).status_code == 204, "it")
        assert post(url, HUBSPOT_SECRET, [event(HOME, "6")]).status_code == 204
        assert changed(ctx) == {("hubspot", "5")}
