"""Calls of HubSpot are read once each, whatever their times and whatever happens meanwhile."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crms import Crm

from connectors import build
from connectors.errors import AuthError, UnavailableError
from connectors.protocol import Connector
from connectors.records import CallOutcome
from sandbox.run import Sandbox
from worker.context import Context

WRONG_NUMBER = "17b47fee-58de-441e-a44c-c6300d46f273"
BUSY = "9d9162e7-6cf3-4944-bf63-4dff82258764"
OWN = "0f7a1c52-2c5e-4f0e-9f0a-5c1d7c2b9e11"  # "Do not call", of this account alone
TIME = datetime(2026, 3, 1, 12, 0, 0, 123_000, UTC)
SEARCH = "POST .*/calls/search"
LIST = "GET /calling/v1/dispositions"
OPTIONS = "GET .*/calls/hs_call_disposition"


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


@pytest.fixture
def connector(make_context: Callable[..., Context]) -> Iterator[Connector]:
    hubspot = build("hubspot", make_context().settings)
    yield hubspot
    hubspot.close()


def log(crm: Crm, count: int, stamp: datetime | None = None, outcome: str = BUSY) -> list[str]:
    return [crm.service.calls.log({"hs_call_disposition": outcome}, [], stamp)
            for _ in range(count)]  # fmt: skip


def read_ids(connector: Connector, since: datetime = TIME, most: int = 30_000) -> list[str]:
    """Ids as they come; a read that goes on for ever is cut off."""
    return [outcome.id for outcome in itertools.islice(connector.call_outcomes(since) or (), most)]


def sent(crm: Crm) -> list[dict[str, Any]]:
    return [c["request"] for c in crm.service.seen or () if c["path"].endswith("/calls/search")]


class TestEachCallIsReadOnce:
    def test_of_more_than_ten_thousand_with_one_time(self, crm: Crm, connector: Connector) -> None:
        ids = log(crm, 10_450, TIME)
        crm.service.seen = []
        assert sorted(read_ids(connector), key=int) == ids
        searches = sent(crm)
        assert len(searches) <= 54  # 200 a page
        assert {search["after"] for search in searches} == {"0"}
        assert {len(search["sorts"]) for search in searches} == {1}

    @pytest.mark.parametrize("at_once", [1, 70, 200, 201, 450])
    def test_of_any_number_with_each_time(
        self, crm: Crm, connector: Connector, at_once: int
    ) -> None:
        ids = [rid for n in range(900 // at_once + 1)
               for rid in log(crm, at_once, TIME + timedelta(milliseconds=n))]  # fmt: skip
        assert sorted(read_ids(connector), key=int) == ids

    def test_where_calls_are_changed_while_we_read(self, crm: Crm, connector: Connector) -> None:
        """A changed call moves to the end of an order by time: the next one takes its place."""
        ids = log(crm, 900, TIME)
        for nth, place in ((2, 0), (3, 150), (3, 899), (4, 450), (5, 620)):
            action = {"object": "calls", "id": ids[place], "set": {"hs_call_title": "edited"}}
            crm.fault(SEARCH, "act", nth=nth, action=action)
        assert sorted(read_ids(connector), key=int) == ids

    def test_from_the_very_millisecond_on(self, crm: Crm, connector: Connector) -> None:
        earlier = log(crm, 1, TIME - timedelta(milliseconds=1))
        ids = log(crm, 2, TIME)
        assert read_ids(connector, TIME + timedelta(microseconds=900)) == ids
        assert read_ids(connector, TIME - timedelta(milliseconds=1)) == earlier + ids

    def test_with_one_outcome_alone(self, crm: Crm, connector: Connector) -> None:
        log(crm, 3, TIME)
        ids = log(crm, 250, TIME, OWN)
        assert [outcome.id for outcome in connector.call_outcomes(TIME, only=OWN) or ()] == ids

    def test_contacts_are_asked_for_only_where_the_outcome_tells_something(
        self, crm: Crm, connector: Connector
    ) -> None:
        log(crm, 300, TIME)
        crm.service.counters.clear()
        read_ids(connector)
        assert not [route for route in crm.service.counters if "associations" in route]
        log(crm, 1, TIME, WRONG_NUMBER)
        read_ids(connector)
        asked = [n for route, n in crm.service.counters.items() if "associations" in route]
        assert asked == [1]


class TestAnAnswerThatContradictsItself:
    @pytest.mark.parametrize("kind", ["reorder", "repeat"])
    def test_is_asked_for_once_more(self, crm: Crm, connector: Connector, kind: str) -> None:
        ids = log(crm, 450, TIME)
        crm.fault(SEARCH, kind, nth=2)
        assert read_ids(connector) == ids

    @pytest.mark.parametrize("kind", ["reorder", "repeat"])
    def test_ends_the_read_the_second_time(self, crm: Crm, connector: Connector, kind: str) -> None:
        log(crm, 450, TIME)
        crm.fault(SEARCH, kind, nth=2, times=2)
        with pytest.raises(UnavailableError, match=r"another order|counts 250 calls and gives 400"):
            read_ids(connector)

    def test_that_counts_calls_and_gives_none_ends_the_read(
        self, crm: Crm, connector: Connector
    ) -> None:
        log(crm, 450, TIME)
        body = {"total": 250, "results": []}
        crm.fault(SEARCH, "status", nth=2, times=99, status=200, body=body)
        with pytest.raises(UnavailableError, match="counts 250 calls and gives none"):
            read_ids(connector)

    def test_that_comes_again_and_again_ends_the_read(self, crm: Crm, connector: Connector) -> None:
        """The same page whatever is asked for: a proxy's cache, say."""
        log(crm, 450, TIME)
        crm.service.seen = []
        next(connector.call_outcomes(TIME) or iter(()))
        page = next(c["response"] for c in crm.service.seen if "search" in c["path"])
        crm.fault(SEARCH, "status", times=99, status=200, body=page)
        with pytest.raises(UnavailableError, match="another order"):
            read_ids(connector)


def outcome(connector: Connector) -> CallOutcome:
    connector.outcome_names()
    (only,) = connector.call_outcomes(TIME) or ()
    return only


class TestTheNameOfAnOutcome:
    @pytest.fixture(autouse=True)
    def own_outcome_logged(self, crm: Crm) -> None:
        log(crm, 1, TIME, OWN)

    def refuse(self, crm: Crm, match: str, how: Any) -> None:
        if how == "page":
            crm.fault(match, "page", times=999)
        elif isinstance(how, int):
            crm.fault(match, "status", status=how, times=999)
        else:
            crm.fault(match, "status", status=200, body=how, times=999)

    REFUSALS = (401, 403, 404, 410, 503, "page", {"message": "moved"}, "text", [{"guid": "x"}])

    @pytest.mark.parametrize("how", REFUSALS)
    def test_is_an_option_of_the_property_where_the_list_is_refused(
        self, crm: Crm, connector: Connector, how: Any
    ) -> None:
        self.refuse(crm, LIST, how)
        assert outcome(connector).outcome == "Do not call"
        assert connector.outcome_names().problem == ""

    @pytest.mark.parametrize("how", [*REFUSALS, {"options": []}])
    def test_is_not_made_up_where_both_are(
        self, crm: Crm, connector: Connector, how: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.refuse(crm, LIST, 404)
        self.refuse(crm, OPTIONS, how)
        with caplog.at_level(logging.INFO):
            only = outcome(connector)
        assert (only.outcome, only.is_named, only.key) == (OWN, False, OWN)
        assert connector.outcome_names().problem != ""
        assert "the list of call outcomes is refused" in caplog.text

    def test_of_the_usual_ones_is_known_all_the_same(self, crm: Crm, connector: Connector) -> None:
        self.refuse(crm, LIST, 403)
        self.refuse(crm, OPTIONS, 403)
        log(crm, 1, TIME, WRONG_NUMBER)
        assert [outcome.outcome for outcome in connector.call_outcomes(TIME) or ()] == [
            OWN,
            "Wrong number",
        ]

    def test_is_looked_for_among_the_options_where_the_list_lacks_it(
        self, crm: Crm, connector: Connector
    ) -> None:
        self.refuse(crm, LIST, [{"id": BUSY, "label": "Busy", "deleted": False}])
        assert outcome(connector).outcome == "Do not call"

    def test_may_come_in_the_form_of_the_coming_api(self, crm: Crm, connector: Connector) -> None:
        self.refuse(crm, OPTIONS, 404)
        self.refuse(crm, LIST, {"results": [{"id": OWN, "label": "Never again"}]})
        assert outcome(connector).outcome == "Never again"

    def test_a_token_that_is_no_good_is_an_error_of_the_whole_read(
        self, crm: Crm, connector: Connector
    ) -> None:
        crm.service.tokens.clear()
        with pytest.raises(AuthError, match="not accepted"):
            outcome(connector)

    def test_is_asked_for_anew_each_time(self, crm: Crm, connector: Connector) -> None:
        assert outcome(connector).outcome == "Do not call"
        crm.service.portal.dispositions[OWN] = "Take me off"
        assert outcome(connector).outcome == "Take me off"
