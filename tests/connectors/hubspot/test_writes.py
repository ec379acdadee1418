"""HubSpot's rules on writes: what one record is refused for costs its neighbours nothing, and
nobody their opt-out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from constants import NUMBER
from crms import Crm
from limits import lower_limits

from config.settings import Settings, SettingsError
from connectors import build
from connectors.hubspot.errors import RefusedCallError, translate
from connectors.protocol import Connector
from connectors.records import Update
from sandbox.run import Sandbox
from worker.sync.write.crm_writes import write_all

RUN = "20261127-080000-abcdef"


@pytest.fixture
def hubspot(make_settings: Callable[..., Settings]) -> Iterator[Connector]:
    connector = build("hubspot", make_settings())
    connector.apply_schema(connector.describe())
    yield connector
    connector.close()


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["hubspot"]


def statuses(crm: Crm, status: str = "valid") -> list[Update]:
    return [Update("contacts", record_id, {"status/phone": status}) for record_id in crm.ids()]


def contacts_without_required(crm: Crm, count: int) -> list[str]:
    """Contacts that do not have what the account's rule requires of whoever has a status."""
    ids = crm.ids()
    for record_id in ids:
        crm.edit(record_id, {"phone/phone": NUMBER})
        crm.service.portal.update(record_id, {"website": "https://example.com"})
    for record_id in ids[5 : 5 + count]:
        crm.service.portal.update(record_id, {"website": None})
    crm.service.portal.required_when["hygiene_phone_status"] = "website"
    return ids[5 : 5 + count]


class TestARequiredProperty:
    @pytest.mark.parametrize("one_by_one", [False, True])
    def test_that_a_record_lacks_costs_its_neighbours_nothing(
        self, hubspot: Connector, crm: Crm, one_by_one: bool
    ) -> None:
        refused = contacts_without_required(crm, 1)
        crm.service.multi_status = one_by_one
        crm.service.counters.clear()
        results = hubspot.write(statuses(crm))
        assert [result.id for result in results if not result.ok] == refused
        assert {result.kind for result in results if not result.ok} == {"required_property"}
        assert "website is required" in next(result.message for result in results if not result.ok)
        assert crm.writes <= (1 if one_by_one else 14)
        assert crm.get(crm.ids()[6], "status/phone") == "valid"

    def test_is_not_asked_for_by_the_versions_before(
        self, crm: Crm, make_settings: Callable[..., Settings]
    ) -> None:
        contacts_without_required(crm, 1)
        old = build("hubspot", make_settings(HUBSPOT_API_VERSION="2026-03"))
        old.apply_schema(old.describe())
        assert all(result.ok for result in old.write(statuses(crm)))

    def test_keeps_no_opt_out_from_the_crm(self, hubspot: Connector, crm: Crm) -> None:
        """The rule refuses the status, and with it all that goes along: the flags go alone."""
        (target,) = contacts_without_required(crm, 1)
        values = {"status/phone": "do_not_contact", "do_not_contact": True, "do_not_call": True,
                  "do_not_text": True, "reason": "said no", "run": RUN}  # fmt: skip
        outcomes, at = write_all(hubspot, [Update("contacts", target, values)])
        assert outcomes[target].kind == "required_property"
        assert outcomes[target].written.keys() == {"do_not_contact", "do_not_call", "do_not_text"}
        assert at is not None
        assert crm.get(target, "do_not_contact")
        assert not crm.get(target, "status/phone")

    def test_says_what_to_do(self, hubspot: Connector, crm: Crm) -> None:
        from worker.queries.failure_help import REMEDIES

        assert "fill it in" in REMEDIES["required_property"]


class TestARuleOnValues:
    def test_refuses_one_field_and_the_rest_is_written(self, hubspot: Connector, crm: Crm) -> None:
        crm.service.portal.value_rules["hygiene_reason"] = "[A-Z].*"
        first, second = crm.ids()[:2]
        updates = [
            Update("contacts", first, {"status/phone": "valid", "reason": "small"}),
            Update("contacts", second, {"status/phone": "valid", "reason": "Large"}),
        ]
        outcomes, _ = write_all(hubspot, updates)
        assert outcomes[first].kind == "validation"
        assert outcomes[first].written == {"status/phone": "valid"}
        assert outcomes[second].ok
        assert crm.get(first, "status/phone") == "valid"
        assert crm.get(second, "reason") == "Large"

    def test_on_the_phone_itself_keeps_no_opt_out_from_the_crm(
        self, hubspot: Connector, crm: Crm
    ) -> None:
        crm.service.portal.value_rules["phone"] = "[0-9 ()-]+"
        target = crm.ids()[0]
        values = {"phone/phone": NUMBER, "do_not_contact": True}
        outcomes, _ = write_all(hubspot, [Update("contacts", target, values)])
        assert outcomes[target].written == {"do_not_contact": True}
        assert crm.get(target, "do_not_contact")


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            # The forms of HubSpot's changelog and of its error guide.
            (b'{"category":"VALIDATION_ERROR","errors":[{"code":'
             b'"MISSING_CONDITIONAL_REQUIRED_PROPERTY","message":"my_property is required",'
             b'"context":{"propertyName":["my_property"]}}]}', "required_property"),
            (b'{"status":"error","message":"Property values were not valid: [{\\"isValid\\":false,'
             b'\\"message\\":\\"Enter only letters\\",\\"error\\":\\"INVALID_ALPHA\\",'
             b'\\"name\\":\\"firstname\\"}]","category":"VALIDATION_ERROR"}', "validation"),
            (b'{"message":"Property values were not valid: [{\\"error\\":\\"INVALID_OPTION\\"}]"}',
             "picklist_value"),
            (b'{"message":"Property values were not valid: not JSON at all"}', "validation"),
            (b'{"errors":[{"code":"INVALID_OPTION"},{"no":"code"},7],"message":null}',
             "picklist_value"),
        ],
    )  # fmt: skip
    def test_a_refused_value_is_known_in_every_form(self, body: bytes, kind: str) -> None:
        from connectors.hubspot.errors import RefusedValuesError, kind_of

        error = translate(400, body, {}, "2026-09")
        assert isinstance(error, RefusedValuesError)
        assert kind_of(error.entries) == kind

    def test_what_uses_a_property_is_named(self) -> None:
        body = (
            b'{"status":"error","message":"Property: hygiene_reason of object type 0-1 is '
            b'currently used in 2 places and cannot be deleted","category":"VALIDATION_ERROR",'
            b'"subCategory":'
            b'"PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE","errors":['
            b'{"message":"","context":{"parentDisplayType":["WORKFLOW"],"parentName":["46251"]}},'
            b'{"context":{"parentType":["CALCULATED_PROPERTY"],"parentName":["0-1/score"]}},'
            b'{"context":{"parentName":[]}},{"context":null},7]}'
        )
        error = translate(400, body, {}, "2026-09")
        assert isinstance(error, RefusedCallError)
        assert error.in_use_by == ("workflow 46251", "calculated property 0-1/score")

    @pytest.mark.parametrize(
        "message",
        [
            '{"status":"error","message":"Can\'t delete or purge a group with active properties",'
            '"category":"VALIDATION_ERROR","subCategory":"PropertyGroupError.GROUP"}',
            '{"message": {"deeper": 1}}',
            '{"message"',
            "[1]",
        ],
    )
    def test_an_error_in_the_message_of_an_error_is_read(self, message: str) -> None:
        body = json.dumps({"message": message, "category": "VALIDATION_ERROR"}).encode()
        text = str(translate(400, body, {}, "2026-09"))
        if "purge" in message:
            assert text.endswith("Can't delete or purge a group with active properties")
            assert "PropertyGroupError.GROUP" in text
        else:
            assert message in text

    def test_a_path_that_is_not_there_names_the_version(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        later = build("hubspot", make_settings(HUBSPOT_API_VERSION="2029-03"))
        with pytest.raises(Exception, match="2029-03, HUBSPOT_API_VERSION"):
            later.describe()

    @pytest.mark.parametrize("version", ["v3", "2026", "2026-04", "newest", "../2026-09"])
    def test_a_version_is_a_date(
        self, make_settings: Callable[..., Settings], version: str
    ) -> None:
        with pytest.raises(SettingsError, match="HUBSPOT_API_VERSION"):
            make_settings(HUBSPOT_API_VERSION=version)


class TestPaths:
    def test_only_the_names_of_outcomes_are_asked_for_by_number(
        self, hubspot: Connector, crm: Crm
    ) -> None:
        """All of what the connector does, by the counters of the stand-in."""
        from datetime import UTC, datetime

        list(hubspot.provision())
        hubspot.apply_schema(hubspot.describe())
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        contacts = [c for page in hubspot.read("contacts") for c in page.contacts]
        list(hubspot.read("contacts", since=long_ago))
        next(iter(hubspot.read_reverse("contacts") or ()))
        hubspot.fetch("contacts", [contacts[0].id])
        hubspot.deleted("contacts", [contacts[0].id, "77"])
        hubspot.flags_before_merge("contacts", {contacts[0].id: long_ago}, ["do_not_contact"])
        hubspot.write(statuses(crm)[:2])
        list(hubspot.list_members("list", "Newsletter") or ())
        list(hubspot.call_outcomes(long_ago) or ())
        hubspot.visibility()
        list(hubspot.probe())
        numbered = {route for route in crm.service.counters if "/v1/" in route or "/v3/" in route
                    or "/v4/" in route}  # fmt: skip
        assert numbered <= {"GET /calling/v1/dispositions"}
        assert len(crm.service.counters) > 8


class TestReadsThatDoNotGetOn:
    def test_end_with_a_line_and_not_never(self, hubspot: Connector, crm: Crm) -> None:
        crm.service.stuck_cursor = True

        with pytest.MonkeyPatch.context() as patch:
            lower_limits(patch, hubspot_list_page=7)
            with pytest.raises(Exception, match="the same cursor came again"):
                list(hubspot.read("contacts"))

    def test_a_search_in_another_order_is_not_believed(self, hubspot: Connector, crm: Crm) -> None:
        from datetime import UTC, datetime

        crm.fault("POST .*/contacts/search", "reorder", times=9)
        with pytest.raises(Exception, match="in another order"):
            list(hubspot.read("contacts", since=datetime(2020, 1, 1, tzinfo=UTC)))

    def test_a_search_that_counts_what_it_does_not_give_is_not_believed(
        self, hubspot: Connector, crm: Crm
    ) -> None:
        from datetime import UTC, datetime

        empty = {"total": 230, "results": []}
        crm.fault("POST .*/contacts/search", "status", status=200, body=empty, times=9)
        with pytest.raises(Exception, match="counts 230 contacts"):
            list(hubspot.read("contacts", since=datetime(2020, 1, 1, tzinfo=UTC)))
