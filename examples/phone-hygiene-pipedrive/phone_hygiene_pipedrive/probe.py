"""What Pipedrive's documents leave open, asked of a real account (`hygiene crm probe`)."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.errors import ConnectorError
from connectors.records import ProbeResult
from phone_hygiene_pipedrive.client import Client, limits

_HEADERS = ("x-daily-ratelimit-token-limit", "x-ratelimit-limit", "Date")


def probe(client: Client) -> Iterator[ProbeResult]:
    """A few calls that read, some 50 tokens of the day's budget."""
    for header in _HEADERS:
        yield _header(client, header)
    fact, statement = "unset_fields", "a field that a person does not have is null, and not absent"
    try:
        fields = client.get("other", "personFields", {"limit": 500})["data"]
        persons = client.get("other", "persons", {"limit": 50, "sort_by": "id"})["data"]
    except ConnectorError as error:
        yield ProbeResult(fact, statement, "not reachable", str(error))
        return
    own = {entry["field_code"] for entry in fields if entry["is_custom_field"]}
    absent = sum(not own <= set(person.get("custom_fields") or ()) for person in persons)
    if not own or not persons:
        yield ProbeResult(fact, statement, "not reachable", "there are no persons or no own fields")
    else:
        seen = f"absent in {absent} of {len(persons)} persons"
        yield ProbeResult(fact, statement, "refuted" if absent else "confirmed", seen)


def _header(client: Client, header: str) -> ProbeResult:
    fact = f"header_{header.lower()}"
    statement = f"an answer has the header {header}"
    try:
        headers = client.headers("persons?limit=1")
    except ConnectorError as error:
        return ProbeResult(fact, statement, "not reachable", str(error))
    if header in headers:
        return ProbeResult(fact, statement, "confirmed", headers[header])
    return ProbeResult(fact, statement, "refuted", f"limits read: {limits(headers)}")
