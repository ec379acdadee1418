"""Aircall: the tags that agents give calls.

Aircall signs nothing. The body holds the `token` that was issued with the webhook
(https://developer.aircall.io/docs/setup-webhooks: compare it with the stored one), so it proves
only who calls (`Proof.SENDER`); what comes here can only stop. The body holds no trustworthy time
either: a request counts once for ever, by call and tag.

Events: https://developers.aircall.io/api-references (`resource`, `event`, `token`, `data`; a call's
`id`, `raw_digits` as people write it, `tags` with a `name`). `call.tagged` comes when somebody adds
a tag, `call.ended` with all of them. A tag that is taken off (`call.untagged`) lifts nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from config.settings import Settings
from worker.feedback.sources.vendor import (
    Disposition,
    Event,
    ForgedWebhookError,
    IncomingRequest,
    NotConfiguredError,
    Proof,
    Vendor,
    message_id,
    object_of,
    read_each,
    same,
    spelt_number,
    text_of,
    time_of,
)


class Aircall(Vendor):
    name = "aircall"
    label = "Aircall"
    variable = "AIRCALL_WEBHOOK_TOKEN"
    paths: ClassVar[Mapping[str, str]] = {"call": "The tags of a call, from Aircall"}

    def require_signed(self, settings: Settings, request: IncomingRequest) -> Proof:
        if settings.aircall is None:
            raise NotConfiguredError("AIRCALL_WEBHOOK_TOKEN is not set.")
        if not same(text_of(request.json().get("token")), settings.aircall.webhook_token):
            raise ForgedWebhookError("The token is not Aircall's.")
        return Proof.SENDER

    def read(self, path: str, request: IncomingRequest) -> Iterable[Event]:
        body = request.json()
        event = text_of(body.get("event"))
        if not event.startswith("call.") or event == "call.untagged":
            return []
        data = object_of(body.get("data"), "data")
        tags = data.get("tags")
        if not tags:
            return []
        number = spelt_number(data.get("raw_digits"), "raw_digits")
        call = message_id(data.get("id"), "id")
        at = time_of(data.get("ended_at")) or time_of(data.get("started_at"))

        def read_one(tag: object) -> Disposition | None:
            name = text_of(object_of(tag, "tags").get("name")).strip()
            key = f"aircall:call:{call}:{name}"
            return Disposition(number, key, "aircall", name, at) if name else None

        return read_each(tags, "tags", read_one)
