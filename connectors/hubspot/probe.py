"""Settles with a real account what HubSpot's documents leave open: `hygiene crm probe hubspot`.

Each check asks the account one thing that the connector relies on, and says whether it is so.
Reading checks change nothing; writing checks write one contact that the operator names, and only
values that it holds already. What is printed holds no ids, names or values of the account's
records, and no token, so that anybody can send it in. The facts stand in docs/hubspot-facts.md
under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from connectors.errors import ConnectorError
from connectors.hubspot.client import DISPOSITIONS, TOKEN_INFO, Answer, Method, Paths, Query
from connectors.records import ProbeResult, Verdict

# What we do with each scope, and whether everything else works without it.
SCOPES: Final[Mapping[str, str]] = {
    "crm.objects.contacts.read": "read contacts and calls",
    "crm.objects.contacts.write": "write to contacts",
    "crm.schemas.contacts.read": "know the properties",
    "crm.schemas.contacts.write": "crm setup; can be taken away afterwards",
    "crm.lists.read": "lists as segments; optional",
    "communication_preferences.read": "opt-outs of subscription types; optional",
    "crm.lists.write": "crm setup makes lists of whom to leave out; optional",
}
_SOME = 20  # contacts that a check reads
_NOBODY = "9007199254740991"  # an id that no contact has
_KEPT = "lastname"  # the property that writing checks write, with the value that it has
_MERGED = "hs_merged_object_ids"
_FURTHER = "hs_additional_emails"  # the addresses of a contact beside its own


class Account(Protocol):
    """What a check may use of the connector's client."""

    paths: Paths

    @property
    def token(self) -> str: ...

    def response(
        self, method: Method, path: str, query: Query | None = None, body: Any = None
    ) -> Answer: ...


class NotReachableError(Exception):
    """This account, or this key, does not let a check be made. The text says why."""


Told = tuple[bool, str]  # whether it is as the connector assumes, and what was seen
Check = Callable[["Probe"], Told]


@dataclass(frozen=True, slots=True)
class Fact:
    """`name`: by which docs/hubspot-facts.md knows it."""

    name: str
    statement: str
    check: Check
    writes: bool = False


class Probe:
    """The account, and what several checks need of it. `record`: the contact to be written."""

    def __init__(self, account: Account, record: str = "") -> None:
        self.account = account
        self.paths = account.paths
        self.record = record
        self._merged: tuple[str, str] | None = None

    def get(self, path: str, query: Query | None = None) -> Any:
        return _body(self.account.response("GET", path, query))

    def post(self, path: str, body: Any, query: Query | None = None) -> Any:
        return _body(self.account.response("POST", path, query, body))

    def listed(self, archived: bool = False) -> list[dict[str, Any]]:
        query: Query = {"limit": _SOME, "archived": archived}
        contacts: list[dict[str, Any]] = self.get(self.paths.objects("contacts"), query)["results"]
        return contacts

    def search(self, sorts: list[Any], *filters: Mapping[str, Any], **options: Any) -> Any:
        body = {
            "filterGroups": [{"filters": [*filters]}] if filters else [], "sorts": sorts,
            "properties": [], "limit": _SOME, "after": "0", **options,
        }  # fmt: skip
        return self.post(self.paths.objects("contacts", "search"), body)

    def read(self, ids: Sequence[str], archived: bool = False) -> Any:
        body = {
            "properties": [_KEPT, _MERGED, "lastmodifieddate"], "propertiesWithHistory": [],
            "inputs": [{"id": record_id} for record_id in ids],
        }  # fmt: skip
        path = self.paths.objects("contacts", "batch/read")
        return self.post(path, body, {"archived": archived})

    def merged(self) -> tuple[str, str]:
        """The id of a contact that was merged into another, and the id of that one."""
        if self._merged is None:
            known = {"propertyName": _MERGED, "operator": "HAS_PROPERTY"}
            contacts = self.search([], known, properties=[_MERGED], limit=1)["results"]
            if not contacts:
                raise NotReachableError("no contact of the account was ever merged")
            old = str(contacts[0]["properties"].get(_MERGED) or "").split(";")[0].strip()
            if not old:
                raise NotReachableError(f"the search did not give {_MERGED}")
            self._merged = old, str(contacts[0]["id"])
        return self._merged

    def further_address(self) -> tuple[str, str]:
        """A further address of a contact, and the contact's id."""
        known = {"propertyName": _FURTHER, "operator": "HAS_PROPERTY"}
        contacts = self.search([], known, properties=["email", _FURTHER])["results"]
        if not contacts:
            raise NotReachableError("no contact of the account has a further address")
        for contact in contacts:
            values = contact["properties"]
            own = str(values.get("email") or "").strip().lower()
            for text in str(values.get(_FURTHER) or "").split(";"):
                if text.strip() and text.strip().lower() != own:
                    return text.strip(), str(contact["id"])
        raise NotReachableError(f"the search did not give {_FURTHER}")

    def held(self) -> dict[str, Any]:
        """The properties of the named contact."""
        contacts = self.read([self.record])["results"]
        if not contacts:
            raise NotReachableError("there is no contact with this id")
        properties: dict[str, Any] = contacts[0]["properties"]
        return properties

    def update(self, *ids: str, value: str | None = None, name: str = _KEPT) -> Answer:
        """Write the value that the named contact has, or one that is refused."""
        text = self.held().get(_KEPT) or "" if value is None else value
        inputs = [
            {"id": record_id, "properties": {name: text}, "objectWriteTraceId": f"probe-{place}"}
            for place, record_id in enumerate(ids)
        ]
        path = self.paths.objects("contacts", "batch/update")
        return self.account.response("POST", path, None, {"inputs": inputs})


def _body(answer: Answer) -> Any:
    if answer.status not in (200, 201, 207):
        raise NotReachableError(f"HTTP {answer.status} {code_of(answer)}".strip())
    if answer.body is None:
        raise NotReachableError("the answer is no JSON")
    return answer.body


def code_of(answer: Answer) -> str:
    """The category of an error, never its text: that may quote a record."""
    if not isinstance(answer.body, dict):
        return "(no JSON)"
    codes = [
        str(error.get("code")) for error in answer.body.get("errors") or ()
        if isinstance(error, dict) and error.get("code")
    ]  # fmt: skip
    category = answer.body.get("subCategory") or answer.body.get("category") or ""
    return " ".join([str(category), *codes[:1]]).strip()


def run(account: Account, record: str = "") -> Iterator[ProbeResult]:
    """Make every check, one after another; those that write where a record is named alone."""
    probe = Probe(account, record)
    for fact in FACTS:
        if fact.writes and not record:
            yield ProbeResult(fact.name, fact.statement, "not reachable", "asked with --write ID")
            continue
        verdict: Verdict
        try:
            holds, seen = fact.check(probe)
            verdict = "confirmed" if holds else "refuted"
        except (NotReachableError, ConnectorError) as error:
            verdict, seen = "not reachable", str(error)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            verdict, seen = "refuted", f"the answer has another form ({type(error).__name__})"
        yield ProbeResult(fact.name, fact.statement, verdict, seen)


# -- the account and its key ---------------------------------------------------------------


def _version(probe: Probe) -> Told:
    kind = probe.get(probe.paths.account("details"))["accountType"]
    return True, f"{probe.paths.version}, an account of type {kind}"


def _scopes(probe: Probe) -> Told:
    info = probe.post(TOKEN_INFO, {"tokenKey": probe.account.token})
    granted = set(info["scopes"])
    lacking = [f"{scope} ({why})" for scope, why in SCOPES.items() if scope not in granted]
    ours = isinstance(info["hubId"], int)
    return ours, f"lacks {', '.join(lacking)}" if lacking else "has all that we use"


def _limit_headers(probe: Probe) -> Told:
    answer = probe.account.response("GET", probe.paths.objects("contacts"), {"limit": 1})
    names = _limits_of(answer)
    return "daily-remaining" in names, f"names {', '.join(names) or 'nothing'}"


def _search_headers(probe: Probe) -> Told:
    body = {"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"}
    path = probe.paths.objects("contacts", "search")
    names = _limits_of(probe.account.response("POST", path, None, body))
    return not names, f"names {', '.join(names) or 'nothing'}"


def _limits_of(answer: Answer) -> list[str]:
    prefix = "x-hubspot-ratelimit-"
    names = [str(name).lower() for name in answer.headers]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def _date_header(probe: Probe) -> Told:
    answer = probe.account.response("GET", probe.paths.objects("contacts"), {"limit": 1})
    return any(str(name).lower() == "date" for name in answer.headers), ""


def _room(probe: Probe) -> Told:
    limits = probe.get(probe.paths.limits("custom-properties"))
    (ours,) = [entry for entry in limits["byObjectType"] if entry["objectTypeId"] == "0-1"]
    overall = f"{limits['overallUsage']} of {limits['overallLimit']} in all"
    return True, f"contacts use {ours['usage']} of {ours['limit']}, {overall}"


# -- properties ----------------------------------------------------------------------------


def _archived_properties(probe: Probe) -> Told:
    properties = probe.get(probe.paths.properties("contacts"), {"archived": True})["results"]
    return all(entry.get("archived") is True for entry in properties), f"{len(properties)} archived"


def _country_code(probe: Probe) -> Told:
    entry = probe.get(probe.paths.properties("contacts", "hs_country_region_code"))
    writable = not (entry.get("modificationMetadata") or {}).get("readOnlyValue")
    return entry["type"] == "string", f"type {entry['type']}, {'' if writable else 'not '}writable"


def _countries_agree(probe: Probe) -> Told:
    """How often a contact has a code and no country, and the other way round."""
    code, name = "hs_country_region_code", "country"

    def count(there: tuple[str, ...], lacking: tuple[str, ...] = ()) -> int:
        filters = [{"propertyName": name, "operator": "HAS_PROPERTY"} for name in there]
        filters += [{"propertyName": name, "operator": "NOT_HAS_PROPERTY"} for name in lacking]
        return int(probe.search([], *filters, limit=1)["total"])

    alone, without, both = count((code,), (name,)), count((name,), (code,)), count((name, code))
    return True, f"{both} with both, {alone} with the code alone, {without} with the name alone"


def _disposition_options(probe: Probe) -> Told:
    entry = probe.get(probe.paths.properties("calls", "hs_call_disposition"))
    options = [option for option in entry.get("options") or () if option.get("label")]
    return bool(options), f"{len(options)} options"


def _dispositions(probe: Probe) -> Told:
    answer = probe.account.response("GET", DISPOSITIONS)
    if answer.status != 200:
        return False, f"HTTP {answer.status} {code_of(answer)}".strip()
    return isinstance(answer.body, list), f"{len(answer.body)} outcomes"


# -- reading -------------------------------------------------------------------------------


def _list_order(probe: Probe) -> Told:
    ids = [int(contact["id"]) for contact in probe.listed()]
    return ids == sorted(set(ids)), f"{len(ids)} contacts"


def _search_order(probe: Probe) -> Told:
    ids = [int(contact["id"]) for contact in probe.search(["hs_object_id"])["results"]]
    return ids == sorted(set(ids)), f"{len(ids)} contacts"


def _search_down(probe: Probe) -> Told:
    down = {"propertyName": "hs_object_id", "direction": "DESCENDING"}
    ids = [int(contact["id"]) for contact in probe.search([down])["results"]]
    if len(ids) < 2:
        raise NotReachableError("needs two contacts")
    return ids == sorted(set(ids), reverse=True), f"{len(ids)} contacts"


def _search_equals_list(probe: Probe) -> Told:
    listed = [contact["id"] for contact in probe.listed()]
    searched = [contact["id"] for contact in probe.search(["hs_object_id"])["results"]]
    return listed == searched, f"{len(set(listed) & set(searched))} of {len(listed)} are the same"


def _search_above(probe: Probe) -> Told:
    ids = [contact["id"] for contact in probe.listed()]
    if len(ids) < 3:
        raise NotReachableError("needs three contacts")
    above = {"propertyName": "hs_object_id", "operator": "GT", "value": ids[len(ids) // 2]}
    searched = [contact["id"] for contact in probe.search(["hs_object_id"], above)["results"]]
    wanted = ids[len(ids) // 2 + 1 :]
    return searched[: len(wanted)] == wanted, f"{len(searched)} above the middle of {len(ids)}"


def _merged_alias(probe: Probe) -> Told:
    old, new = probe.merged()
    ids = [str(contact["id"]) for contact in probe.read([old])["results"]]
    what = "the surviving one" if ids == [new] else "nothing" if not ids else "the old one"
    return ids == [new], f"gives {what}"


def _merged_list(probe: Probe) -> Told:
    _old, new = probe.merged()
    (contact,) = probe.read([new])["results"]
    return bool(contact["properties"].get(_MERGED)), ""


def _archived_read(probe: Probe) -> Told:
    listed = probe.listed(archived=True)
    if not listed:
        raise NotReachableError("no contact is in the recycle bin")
    contacts = probe.read([contact["id"] for contact in listed], archived=True)["results"]
    archived = all(contact.get("archived") is True for contact in contacts)
    return bool(contacts) and archived, f"{len(contacts)} of {len(listed)}"


def _unknown_read(probe: Probe) -> Told:
    body = {"properties": [], "propertiesWithHistory": [], "inputs": [{"id": _NOBODY}]}
    answer = probe.account.response(
        "POST", probe.paths.objects("contacts", "batch/read"), {"archived": False}, body
    )
    reply = _body(answer)
    codes = [str(error.get("category")) for error in reply.get("errors") or ()]
    seen = f"HTTP {answer.status} {' '.join(codes)}".strip()
    return not reply["results"] and answer.status in (200, 207), seen


def _further_read(probe: Probe) -> Told:
    address, record_id = probe.further_address()
    body = {"idProperty": "email", "properties": [], "propertiesWithHistory": [],
            "inputs": [{"id": address}]}  # fmt: skip
    path = probe.paths.objects("contacts", "batch/read")
    reply = probe.post(path, body, {"archived": False})
    ids = [str(contact["id"]) for contact in reply["results"]]
    return ids == [record_id], f"gives {_which(ids, record_id)}"


def _further_search(probe: Probe) -> Told:
    """Our search asks for several addresses at once; one of these no contact has."""
    address, record_id = probe.further_address()
    values = [address.lower(), "nobody@invalid.example"]
    one_of = {"propertyName": _FURTHER, "operator": "IN", "values": values}
    ids = [str(contact["id"]) for contact in probe.search([], one_of)["results"]]
    return record_id in ids, f"gives {_which(ids, record_id)}"


def _which(ids: Sequence[str], wanted: str) -> str:
    return "that contact" if wanted in ids else "another contact" if ids else "nothing"


def _list_read(probe: Probe) -> Told:
    path = probe.paths.lists("object-type-id/0-1/name/no%20list%20has%20this%20name%20of%20ours")
    answer = probe.account.response("GET", path)
    if answer.status == 403:
        raise NotReachableError("the key lacks the scope crm.lists.read")
    return answer.status == 404, f"HTTP {answer.status} {code_of(answer)}".strip()


def _list_write(probe: Probe) -> Told:
    """Nothing can be made of a list without a name: it is refused for that, or for the scope."""
    answer = probe.account.response("POST", probe.paths.lists(), None, {})
    if answer.status == 403:
        raise NotReachableError("the key lacks the scope crm.lists.write")
    return answer.status == 400, f"HTTP {answer.status} {code_of(answer)}".strip()


# -- writing -------------------------------------------------------------------------------


def _same_value(probe: Probe) -> Told:
    before = probe.held()["lastmodifieddate"]
    answer = probe.update(probe.record)
    after = probe.held()["lastmodifieddate"]
    seen = "the stamp stayed" if after == before else "the stamp moved"
    return answer.status == 200, f"HTTP {answer.status} {code_of(answer)}, {seen}".replace(
        " ,", ","
    )


def _trace(probe: Probe) -> Told:
    answer = probe.update(probe.record)
    echoed = bool(_body(answer)["results"][0].get("objectWriteTraceId"))
    return answer.status == 200, "named in the answer" if echoed else "not named in the answer"


def _bad_value(probe: Probe) -> Told:
    answer = probe.update(probe.record, value="no such stage", name="lifecyclestage")
    codes = [str(error.get("code")) for error in (answer.body or {}).get("errors") or ()]
    message = str((answer.body or {}).get("message"))
    named = "INVALID_OPTION" in codes or "INVALID_OPTION" in message
    seen = "in errors" if codes else "in the message" if named else code_of(answer)
    return answer.status == 400 and named, f"HTTP {answer.status}, {seen}"


def _unknown_update(probe: Probe) -> Told:
    answer = probe.update(probe.record, _NOBODY)
    body = _body(answer)
    written = [str(result["id"]) for result in body["results"]]
    codes = [str(error.get("category")) for error in body.get("errors") or ()]
    seen = f"HTTP {answer.status} {' '.join(codes)}".strip()
    return written == [probe.record] and "OBJECT_NOT_FOUND" in codes, seen


def _old_id_update(probe: Probe) -> Told:
    old = str(probe.held().get(_MERGED) or "").split(";")[0].strip()
    if not old:
        raise NotReachableError("no contact was merged into the named one")
    answer = probe.update(old)
    written = [str(result["id"]) for result in (answer.body or {}).get("results") or ()]
    named = "another id" if written == [probe.record] else "nothing" if not written else "that id"
    return old not in written, f"HTTP {answer.status}, answers {named}"


FACTS = (
    Fact("api-version", "the dated version of the API answers", _version),
    Fact("token-info", "a key can be asked for its scopes", _scopes),
    Fact("limit-headers", "answers name what is left of the day's calls", _limit_headers),
    Fact("search-headers", "answers to searches name no limits", _search_headers),
    Fact("date-header", "answers carry a `Date`", _date_header),
    Fact("property-limit", "the plan's limit of custom properties can be read", _room),
    Fact("archived-properties", "archived properties are listed apart", _archived_properties),
    Fact("country-code", "contacts have `hs_country_region_code`", _country_code),
    Fact("country-both", "contacts can be counted by their country and its code", _countries_agree),
    Fact("disposition-options", "`hs_call_disposition` lists its options with their names",
         _disposition_options),
    Fact("dispositions", "the list of call outcomes may be read", _dispositions),
    Fact("list-order", "the list of contacts is in order of id", _list_order),
    Fact("search-order", "a search sorts by id where `sorts` is a text", _search_order),
    Fact("search-descending", "a search sorts downwards where `sorts` says DESCENDING",
         _search_down),
    Fact("search-equals-list", "a search finds the contacts that the list has",
         _search_equals_list),
    Fact("search-above", "a search for ids above one gives the next ones", _search_above),
    Fact("merged-alias", "the id of a merged contact reads the surviving one", _merged_alias),
    Fact("merged-ids", "`hs_merged_object_ids` comes with a batch read", _merged_list),
    Fact("archived-read", "a batch read of archived contacts says that they are", _archived_read),
    Fact("unknown-read", "an id that no contact has is left out of a batch read", _unknown_read),
    Fact("further-read", "a batch read by email finds a contact by a further address",
         _further_read),
    Fact("further-search", "a search for one of several addresses finds a further one",
         _further_search),
    Fact("list-read", "a list that is not there is a 404, and not a refusal", _list_read),
    Fact("list-write", "the key may make lists: one without a name is a 400", _list_write),
    Fact("same-value", "a write of the value that is there succeeds", _same_value, writes=True),
    Fact("trace-id", "`objectWriteTraceId` is taken in a batch update", _trace, writes=True),
    Fact("bad-value", "a value that is no option is refused as INVALID_OPTION", _bad_value,
         writes=True),
    Fact("unknown-update", "an id that no contact has is named, and the others are written",
         _unknown_update, writes=True),
    Fact("old-id-update", "an update by the id of a merged contact is answered under no old id",
         _old_id_update, writes=True),
)  # fmt: skip
