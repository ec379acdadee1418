"""Finding people by name or email: each CRM's own search, its escaping, its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crms import Crm

import connectors
from config.settings import Settings
from connectors.errors import QuotaError
from connectors.http.pacing import Remaining
from connectors.http.rate_limits import Limits, Quota
from connectors.protocol import Connector
from sandbox.run import Sandbox

NAMES = {"salesforce": ("FirstName", "LastName", "Email"),
         "hubspot": ("firstname", "lastname", "email")}  # fmt: skip
HOSTILE = (
    "O'Hara", "Anne-Marie", "Kim (UK)", 'Kim "Kit" Lee', "Kim\\Lee", "a:b", "100%", "Kim_Lee",
    "[Kim]", "Kim & Lee", "not Kim", "Kim OR Lee", "*", "??", "{Kim}", "Kim' OR Name != '",
    "Łukasz",
)  # fmt: skip


@pytest.fixture(params=["salesforce", "hubspot"])
def connector(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[Connector]:
    opened = connectors.build(request.param, make_settings())
    yield opened
    opened.close()


@pytest.fixture
def crm(connector: Connector, sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)[connector.name]


def rename(crm: Crm, record_id: str, first: str, last: str, email: str = "") -> None:
    names = NAMES[crm.name]
    crm.act(record_id, {"set": dict(zip(names, (first, last, email), strict=True))})


def search_ids(connector: Connector, text: str, limit: int = 10) -> list[str]:
    people = connector.find_people(text, limit)
    assert people is not None
    return [person.id for person in people]


class TestAName:
    def test_is_found_by_its_words_in_any_order_and_begun_ones(
        self, connector: Connector, crm: Crm
    ) -> None:
        wanted, other = crm.ids()[:2]
        rename(crm, wanted, "Zephyrine", "Quillfeather", "z.q@example.com")
        rename(crm, other, "Zephyrine", "Applewood", "z.a@example.com")
        assert search_ids(connector, "Zephyrine Quillfeather") == [wanted]
        assert search_ids(connector, "quillfeather zeph") == [wanted]
        assert sorted(search_ids(connector, "zephyrine")) == sorted([wanted, other])
        person = (connector.find_people("Quillfeather", 10) or [])[0]
        assert (person.name, person.email) == ("Zephyrine Quillfeather", "z.q@example.com")
        assert person.object in connector.objects

    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_searched_for_as_it_is_typed_whatever_signs_it_holds(
        self, connector: Connector, crm: Crm, text: str
    ) -> None:
        wanted = crm.ids()[0]
        rename(crm, wanted, text, "Quillfeather")
        people = search_ids(connector, f"{text} Quillfeather")
        assert people == [wanted]
        assert len(search_ids(connector, text)) < len(crm.ids()), "no sign is a wildcard for all"

    def test_of_less_than_two_letters_asks_nothing(self, connector: Connector) -> None:
        assert search_ids(connector, "K") == []
        assert search_ids(connector, " * ") == []
        assert connector.calls["read"] == 0

    def test_that_many_have_brings_no_more_than_was_asked_for(
        self, connector: Connector, crm: Crm
    ) -> None:
        for record_id in crm.ids()[:7]:
            rename(crm, record_id, "Zephyrine", "Quillfeather")
        assert len(search_ids(connector, "Zephyrine", limit=5)) == 5


class TestAnEmail:
    def test_finds_its_record_alone(self, connector: Connector, crm: Crm) -> None:
        wanted, other = crm.ids()[:2]
        rename(crm, wanted, "Kim", "Lee", "kim.o'hara+list@example-site.com")
        rename(crm, other, "Kim", "Lee", "kim@example.com")
        assert search_ids(connector, "Kim.O'Hara+list@example-site.com") == [wanted]
        assert search_ids(connector, "kim@example.com") == [other]

    def test_that_is_a_further_one_of_a_contact_finds_it_in_hubspot(
        self, sandbox: Sandbox, make_settings: Callable[..., Settings]
    ) -> None:
        crm = Crm.all(sandbox)["hubspot"]
        crm.act(crm.ids()[0], {"set": {"hs_additional_emails": "second@example.com"}})
        opened = connectors.build("hubspot", make_settings())
        assert search_ids(opened, "second@example.com") == [crm.ids()[0]]
        opened.close()


class TestACall:
    def test_is_counted_and_has_the_text_in_its_body_alone(
        self, connector: Connector, sandbox: Sandbox, crm: Crm
    ) -> None:
        rename(crm, crm.ids()[0], "Zephyrine", "Quillfeather")
        service = getattr(sandbox, connector.name)
        service.seen = []
        search_ids(connector, "Quillfeather")
        assert connector.calls["read"] == 1
        assert service.seen[-1]["method"] == "POST"
        assert "Quillfeather" in str(service.seen[-1]["request"])
        assert not [
            call for call in service.seen if "illfeather" in f"{call['path']}{call['query']}"
        ]

    @pytest.mark.parametrize("name", ["salesforce", "hubspot"])
    def test_leaves_the_reserve_to_others(
        self, make_settings: Callable[..., Settings], name: str
    ) -> None:
        quota = Quota(name, 0.2)
        quota.record(Limits(day=Remaining(19, 100, 86_400.0)))
        opened = connectors.build(name, make_settings(), quota)
        with pytest.raises(QuotaError):
            opened.find_people("Kim", 10)
        opened.close()


def test_a_lead_is_found_until_it_is_converted(
    sandbox: Sandbox, make_settings: Callable[..., Settings]
) -> None:
    org = sandbox.salesforce.org
    lead = next(iter(org.tables["Lead"].after_id(None)))["Id"]
    contact = next(iter(org.tables["Contact"].after_id(None)))["Id"]
    org.update("Lead", lead, {"LastName": "Quillfeather"}, by=org.integration_user)
    opened = connectors.build("salesforce", make_settings())
    assert search_ids(opened, "Quillfeather") == [lead]
    org.convert(lead, contact)
    assert search_ids(opened, "Quillfeather") == []
    opened.close()


def test_a_list_has_no_search(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id,Phone\n1,+14155550123\n", encoding="utf-8")
    opened = connectors.build("csv", make_settings(f'[connectors.csv]\npath = "{path}"\n'))
    assert opened.find_people("Kim", 10) is None
    opened.close()
