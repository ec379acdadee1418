"""Whatever a CRM refuses, and however it says so: nobody's opt-out is refused along with it.

One suite over both CRMs: each refusal is met by an update that holds a rewritten number, what we
say of it, and the flags that keep a person from being contacted (promise 16).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from constants import NUMBER
from crms import QUICK, Crm
from limits import lower_limits

from config.settings import load
from connectors import build
from connectors.protocol import Connector
from connectors.records import Update
from sandbox.hubspot.portal import Rule as HubSpotRule
from sandbox.run import Sandbox
from sandbox.salesforce.automation import Rule as SalesforceRule
from worker.sync.write.crm_writes import Outcome, write_all

REWRITE = NUMBER
STOPS = {"do_not_contact": True, "do_not_call": True, "do_not_text": True, "wrong_number": True}


class Refusal(NamedTuple):
    """`sets`: canonical keys whose writing is refused; none: all but the flags. `names`: of them,
    what the answer names."""

    name: str
    crm: str
    code: str
    sets: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    more: dict[str, Any] = {}  # noqa: RUF012 - read only


SALESFORCE = [
    Refusal("a duplicate rule", "salesforce", "DUPLICATES_DETECTED"),
    Refusal("a validation rule without a field", "salesforce", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    Refusal("a validation rule on the phone", "salesforce", "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            ("phone",), ("phone",)),
    Refusal("a trigger", "salesforce", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    Refusal("a trigger on the rewrite alone", "salesforce", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            ("phone",)),
    Refusal("a flow", "salesforce", "CANNOT_EXECUTE_FLOW_TRIGGER"),
    Refusal("a field that is too short", "salesforce", "STRING_TOO_LONG", ("reason",), ("reason",)),
    Refusal("a field too short that is not named", "salesforce", "STRING_TOO_LONG", ("reason",)),
    Refusal("somebody else's field", "salesforce", "INVALID_EMAIL_ADDRESS", (), ("Email",)),
    Refusal("somebody else's reference", "salesforce", "INVALID_CROSS_REFERENCE_KEY", (),
            ("AccountId",)),
    Refusal("an integrity rule", "salesforce", "FIELD_INTEGRITY_EXCEPTION"),
    Refusal("a required field", "salesforce", "REQUIRED_FIELD_MISSING", (), ("LastName",)),
    Refusal("a picklist", "salesforce", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ("status",), ("status",)),
    Refusal("a read-only field", "salesforce", "INVALID_FIELD_FOR_INSERT_UPDATE",
            ("best_phone",), ("best_phone",)),
    Refusal("a number out of range", "salesforce", "NUMBER_OUTSIDE_VALID_RANGE", ("phone",)),
    Refusal("a code that nobody knows", "salesforce", "SOME_CODE_OF_2031"),
    Refusal("a body that it cannot read", "salesforce", "JSON_PARSER_ERROR", ("phone",), (),
            {"whole_call": True}),
    Refusal("an access rule", "salesforce", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"),
]  # fmt: skip
HUBSPOT = [
    Refusal("a format rule that is named", "hubspot", "INVALID_REGEX", ("phone",), ("phone",)),
    Refusal("a value that is too long", "hubspot", "VALUE_TOO_LONG", ("reason",), ("reason",)),
    Refusal("an option", "hubspot", "INVALID_OPTION", ("status",), ("status",)),
    Refusal("a value of another type", "hubspot", "INVALID_LONG", ("best_phone",), ("best_phone",)),
    Refusal("a required property of others", "hubspot", "MISSING_REQUIRED_PROPERTY", (),
            ("website",)),
    Refusal("values refused without a name", "hubspot", ""),
    Refusal("a rule on the rewrite without a name", "hubspot", "", ("phone",)),
    Refusal("a conflict", "hubspot", "", ("phone",), (), {"status": 409, "category": "CONFLICT"}),
    Refusal("a category that nobody knows", "hubspot", "", (), (), {"category": "POLICY_OF_2031"}),
    Refusal("a record that is not named", "hubspot", "", (), (), {"marked": False}),
]  # fmt: skip


ALL = [*SALESFORCE, *HUBSPOT]
OF_THE_REWRITE = [refusal for refusal in ALL if refusal.sets == ("phone",)]


def name_of(refusal: Refusal) -> str:
    return f"{refusal.crm}: {refusal.name}"


@pytest.fixture(params=ALL, ids=name_of)
def refusal(request: pytest.FixtureRequest) -> Refusal:
    return request.param


@pytest.fixture(scope="module")
def crms() -> Iterator[Sandbox]:
    """One pair of CRMs for all tests here: each has its own refusal, and nothing else is shared."""
    started = Sandbox.start(contacts=5, leads=0)
    yield started
    started.stop()


@pytest.fixture
def refused(crms: Sandbox, refusal: Refusal) -> Crm:
    """The CRM that refuses; none of its records has a flag or a status."""
    crm = Crm.all(crms)[refusal.crm]
    if crm.name == "salesforce":
        crm.service.org.automation.rules.clear()
    else:
        crm.service.portal.rules.clear()
        crm.service.multi_status = False
    blank = {"best_phone": "+12025550100", "reason": "", **dict.fromkeys(STOPS, False)}
    for record_id in crm.ids():
        typed = {f"phone/{crm.phone}": "415-555-2671", crm.status: None, **blank}
        crm.edit(record_id, typed)
    return crm


@pytest.fixture
def connector(crms: Sandbox, refusal: Refusal, tmp_path: Path) -> Iterator[Connector]:
    config = tmp_path / "hygiene.toml"
    config.write_text(QUICK, encoding="utf-8")
    env = {**crms.env(), "HYGIENE_CONFIG": str(config), "HYGIENE_HOME": str(tmp_path)}
    opened = build(refusal.crm, load(env))
    opened.apply_schema(opened.describe())
    yield opened
    opened.close()


def canonical(crm: Crm, name: str) -> str:
    phone = {"phone": f"phone/{crm.phone}", "status": f"status/{crm.phone}"}
    return phone.get(name, name)


def update(crm: Crm, record_id: str) -> Update:
    values = {
        canonical(crm, "phone"): REWRITE, canonical(crm, "status"): "do_not_contact",
        "best_phone": None, "reason": "This person said STOP.", "run": "20261127-080000-abcdef",
        **STOPS,
    }  # fmt: skip
    return Update(crm.object, record_id, values)


def refuse(crm: Crm, refusal: Refusal, record_id: str, flags: tuple[str, ...] = ()) -> None:
    """Let the CRM refuse updates of a record that hold what the refusal is about, or `flags`."""
    about = refusal.sets or ("phone", "status", "reason", "best_phone", "run")
    sets = frozenset(crm.field(canonical(crm, name)) for name in (*about, *flags))
    known = {"phone", "status", "best_phone", "reason", *STOPS}
    names = tuple(
        crm.field(canonical(crm, n)) if n in known else n for n in (*refusal.names, *flags)
    )
    if crm.name == "salesforce":
        rule = SalesforceRule(refusal.code, "refused", sets, names, **refusal.more)
        crm.service.org.automation.rules[record_id] = rule
        return
    message = "refused by a rule of the account"
    crm.service.portal.rules[record_id] = HubSpotRule(
        message, refusal.code, sets, next(iter(names), ""), **refusal.more
    )


WAYS = ["as the service does by default", "another way"]


@pytest.fixture(params=WAYS)
def write_path(
    request: pytest.FixtureRequest, refused: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Salesforce by collections and by jobs; HubSpot by batches and record by record."""
    if request.param == WAYS[1]:
        lower_limits(monkeypatch, salesforce_job_writes=2)
        if refused.name == "hubspot":
            refused.service.multi_status = True


def write_updates(connector: Connector, crm: Crm, ids: list[str]) -> dict[str, Outcome]:
    outcomes, _at = write_all(
        connector, [update(crm, record_id) for record_id in ids], sleep=lambda _s: None
    )
    return outcomes


class TestARefusal:
    @pytest.mark.usefixtures("write_path")
    def test_costs_nobody_an_opt_out_and_is_told(
        self, connector: Connector, refused: Crm, refusal: Refusal
    ) -> None:
        ids = refused.ids()[:5]
        refuse(refused, refusal, ids[2])
        outcomes = write_updates(connector, refused, ids)
        assert [rid for rid in ids if not outcomes[rid].ok] == [ids[2]]
        for flag in STOPS:
            assert refused.get(ids[2], flag) is True
        assert STOPS.items() <= outcomes[ids[2]].written.items()
        assert "refused" in outcomes[ids[2]].message
        assert outcomes[ids[2]].kind != "suppression_refused"
        for neighbour in (ids[0], ids[4]):
            assert refused.get(neighbour, f"phone/{refused.phone}") == REWRITE

    @pytest.mark.parametrize("refusal", OF_THE_REWRITE, indirect=True, ids=name_of)
    def test_of_the_rewrite_alone_costs_nothing_but_the_rewrite(
        self, connector: Connector, refused: Crm, refusal: Refusal
    ) -> None:
        target = refused.ids()[0]
        before = refused.get(target, f"phone/{refused.phone}")
        refuse(refused, refusal, target)
        write_updates(connector, refused, refused.ids()[:3])
        assert refused.get(target, refused.status) == "do_not_contact"
        assert refused.get(target, "reason") == "This person said STOP."
        assert refused.get(target, f"phone/{refused.phone}") == before

    def test_of_one_flag_costs_none_of_the_others_and_is_told_as_such(
        self, connector: Connector, refused: Crm, refusal: Refusal
    ) -> None:
        target = refused.ids()[0]
        refuse(refused, refusal, target, flags=("wrong_number",))
        outcome = write_updates(connector, refused, refused.ids()[:3])[target]
        for flag in ("do_not_contact", "do_not_call", "do_not_text"):
            assert refused.get(target, flag) is True
        assert not refused.get(target, "wrong_number")
        assert outcome.kind == "suppression_refused"

    def test_of_everything_is_told_as_the_worst(
        self, connector: Connector, refused: Crm, refusal: Refusal
    ) -> None:
        target = refused.ids()[0]
        refuse(refused, refusal, target, flags=tuple(STOPS))
        outcome = write_updates(connector, refused, refused.ids()[:3])[target]
        assert outcome.kind == "suppression_refused"
        assert "refused" in outcome.message
