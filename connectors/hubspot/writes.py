"""Write batches of records to HubSpot, and tell what became of each.

A batch update takes 100 contacts and is refused whole for one bad value, while unknown ids are
answered apart (207). See docs/hubspot-facts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from connectors.fields import ObjectFields
from connectors.http import consistency
from connectors.hubspot.client import Client
from connectors.hubspot.errors import RefusedCallError, RefusedValuesError, kind_of, refusals_of
from connectors.records import Contact, FailureKind, Update, Value, WriteResult

log = logging.getLogger(__name__)


class Writer:
    """Writes records of one object. `fetch`: reads them again whose write an answer leaves open."""

    def __init__(
        self, client: Client, object_name: str, fetch: Callable[[str, Sequence[str]], list[Contact]]
    ) -> None:
        self._object = object_name
        self._client, self._fetch = client, fetch
        self._fields: ObjectFields | None = None
        # What HubSpot has refused: (property, value), or (property, None) for any value.
        self._refused_values: dict[tuple[str, str | None], Mapping[str, Any]] = {}

    def apply_fields(self, fields: ObjectFields) -> None:
        """Write these fields from now on. Forgets refusals: they may have been mended."""
        self._fields = fields
        self._refused_values.clear()

    @property
    def _known_fields(self) -> ObjectFields:
        assert self._fields is not None, "apply_fields() comes first"
        return self._fields

    def write(self, updates: Sequence[Update]) -> list[WriteResult]:
        """One bad value refuses a whole batch. Values that were refused before are left out, so
        that they cost one call more, and not one for each batch that holds them."""
        sent: list[Update] = []
        inputs: list[dict[str, Any]] = []
        refused: dict[str, WriteResult] = {}
        for update in updates:
            properties = self._properties(update)
            rest: Update | None = update
            if known := self._known_refusals(properties):
                refusal = refused[update.id] = self._refused(update, RefusedValuesError("", known))
                rest = update.without(refusal.fields) if refusal.fields else None
                properties = self._properties(rest) if rest is not None else {}
            if rest is not None:
                sent.append(rest)
                # HubSpot names a record that it refuses by this mark, where it answers one by one.
                mark = {"objectWriteTraceId": update.id}
                inputs.append({"id": update.id, "properties": properties, **mark})
        results = {result.id: result for result in self._send(sent, inputs)} if sent else {}
        return [_both(refused.get(update.id), results.get(update.id)) for update in updates]

    def _send(
        self, updates: Sequence[Update], inputs: Sequence[Any], look_again: bool = True
    ) -> list[WriteResult]:
        """`look_again`: at what the answer does not confirm, and write it once more."""
        path = self._client.paths.objects(self._object, "batch/update")
        try:
            answer = self._client.post("write", path, {"inputs": list(inputs)})
        except RefusedValuesError as error:
            if len(updates) == 1:
                return [self._refused(updates[0], error)]
            if self._learn(error, inputs):
                return self.write(updates)
            return self._halved(updates)
        except RefusedCallError as error:
            if len(updates) == 1:
                kind: FailureKind = "duplicate" if error.status == 409 else "validation"
                return [WriteResult(updates[0].id, False, kind, str(error))]
            return self._halved(updates)
        return self._results(updates, answer, look_again)

    def _halved(self, updates: Sequence[Update]) -> list[WriteResult]:
        """No refusal tells which record it means: write the halves, until it stands alone."""
        middle = len(updates) // 2
        return self.write(updates[:middle]) + self.write(updates[middle:])

    def _properties(self, update: Update) -> dict[str, str]:
        names, properties = self._known_fields.names, {}
        for canonical, value in update.values.items():
            kind, _, phone = canonical.partition("/")
            properties[phone if kind == "phone" else names[canonical]] = _sent(value)
        return properties

    def _known_refusals(self, properties: Mapping[str, str]) -> list[dict[str, Any]]:
        if not self._refused_values:
            return []
        return [
            dict(entry)
            for name, value in properties.items()
            if (entry := self._refused_values.get((name, value)))
            or (entry := self._refused_values.get((name, None)))
        ]

    def _learn(self, error: RefusedValuesError, inputs: Sequence[Any]) -> bool:
        """Remember which values a refusal means, where it tells; whether any of these holds one."""
        learned = False
        for entry in error.entries:
            name, message = str(entry.get("name", "")), str(entry.get("message", ""))
            values = {item["properties"][name] for item in inputs if name in item["properties"]}
            if entry.get("error") == "READ_ONLY_VALUE" and values:
                self._refused_values[name, None] = entry
                learned = True
            if entry.get("error") == "INVALID_OPTION":
                for value in values:
                    if value and message.startswith(f"{value} was not one of"):
                        self._refused_values[name, value] = entry
                        learned = True
        return learned

    def _results(
        self, updates: Sequence[Update], answer: Any, look_again: bool
    ) -> list[WriteResult]:
        written = [str(entry["id"]) for entry in answer.get("results") or ()]
        problems: dict[str, Mapping[str, Any]] = {}
        of_nobody: list[Mapping[str, Any]] = []
        for problem in answer.get("errors") or []:
            context = problem.get("context") or {}
            named = (*_named(context, "ids"), *_named(context, "objectWriteTraceId"))
            problems.update(dict.fromkeys(named, problem))
            if not named:
                of_nobody.append(problem)
        results: dict[str, WriteResult] = {}
        silent: list[Update] = []
        for update in updates:
            problem = problems.get(update.id)
            if problem is not None and update.id not in written:
                results[update.id] = self._problem(update, problem)
            elif problem is None and written.count(update.id) == 1:
                results[update.id] = WriteResult(update.id, True)
            else:
                silent.append(update)
        if of_nobody and silent:  # a refusal that names no record: it is one of these
            if len(updates) == 1:
                return [self._problem(updates[0], of_nobody[0])]
            anew = self._halved(silent) if len(silent) > 1 else self.write(silent)
            results |= {result.id: result for result in anew}
        elif silent:
            results |= self._look_again(silent, look_again)
        return [results[update.id] for update in updates]

    def _look_again(self, silent: Sequence[Update], once_more: bool) -> dict[str, WriteResult]:
        """At records of which an answer does not say what became of them. One that is not there
        under its id was merged into another, most often."""
        log.warning("hubspot: an answer does not mention %d of its writes", len(silent))
        confirmed, again = consistency.confirm(silent, self._fetch)
        for record_id, result in confirmed.items():
            if not result.ok:
                text = "the record lives on under another id"
                confirmed[record_id] = WriteResult(record_id, False, "merged", text)
        if not once_more:
            return confirmed | {update.id: consistency.unconfirmed(update) for update in again}
        inputs = [
            {
                "id": update.id,
                "properties": self._properties(update),
                "objectWriteTraceId": update.id,
            }
            for update in again
        ]
        results = self._send(again, inputs, look_again=False) if again else []
        return confirmed | {result.id: result for result in results}

    def _problem(self, update: Update, problem: Mapping[str, Any]) -> WriteResult:
        text = f"{problem.get('category', '')}: {problem.get('message', '')}"
        if problem.get("category") == "OBJECT_NOT_FOUND":
            return WriteResult(update.id, False, "gone", text)
        if entries := refusals_of(problem):
            return self._refused(update, RefusedValuesError(text, entries))
        return WriteResult(update.id, False, "other", text)

    def _refused(self, update: Update, error: RefusedValuesError) -> WriteResult:
        kind = kind_of(error.entries)
        canonical = self._known_fields.canonical_of
        refused = tuple(canonical(entry.get("name", "")) for entry in error.entries)
        details = [str(entry.get("message") or "") for entry in error.entries]
        text = "; ".join(
            filter(None, (error.text, *(detail for detail in details if detail not in error.text)))
        )
        return WriteResult(update.id, False, kind, text, tuple(filter(None, refused)))


def _named(context: Mapping[str, Any], key: str) -> list[str]:
    values = context.get(key)
    return [str(value) for value in values if value] if isinstance(values, list) else []


def _both(refused: WriteResult | None, rest: WriteResult | None) -> WriteResult:
    """Of an update from which values were left out: what became of these, and of the rest."""
    if refused is None or rest is None:
        result = rest or refused
        assert result is not None
        return result
    if rest.ok:
        return replace(refused, rest=True)
    if not rest.fields:
        return rest  # it is gone, say
    return replace(refused, fields=(*refused.fields, *rest.fields), rest=rest.rest)


def _sent(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""  # an empty text clears a property
