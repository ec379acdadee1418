"""Make and read links to the recipient's page: signed, expiring, and without personal data.

A link names a record and carries a short keyed hash of the number. So it ends when the number in
the record is replaced, and nobody can read a number or a name out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from worker.feedback.models import contact_key
from worker.store.pseudonyms import Keys

_SALT = "confirm"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
MAX_TOKEN_LENGTH = 400  # characters of a token that is looked at


class BadLinkError(Exception):
    """A link that is not ours, has expired, or is about a number that is no longer there."""


@dataclass(frozen=True, slots=True)
class Link:
    """`connector`: as the token has it, the lasting name of the account that the record is in
    (`worker.store.crm_accounts`). `number_hash`: hash of the number that the link is about."""

    connector: str
    object: str
    record_id: str
    number_hash: str
    expires: datetime

    @property
    def contact(self) -> str:
        return contact_key(self.connector, self.object, self.record_id)


def create_token(keys: Keys, contact: str, number: str, now: datetime, lifetime: timedelta) -> str:
    """Create the token of a link about one number of a contact ("connector/object/id", with the
    lasting name of the connector's account: another account's record of this id is not meant)."""
    connector, object_name, record_id = contact.split("/", 2)
    days = -(-(now + lifetime - _EPOCH) // timedelta(days=1))
    print_ = keys.short_hash(number)
    return _signer(keys).dumps([connector, object_name, record_id, print_, days])


def read_token(keys: Keys, token: str, now: datetime, also_expired: bool = False) -> Link:
    """Return what a token is about. Raises `BadLinkError`."""
    try:
        connector, object_name, record_id, print_, days = _signer(keys).loads(
            token[:MAX_TOKEN_LENGTH]
        )
        link = Link(connector, object_name, record_id, print_, _EPOCH + timedelta(days=days))
    except (BadData, ValueError, TypeError, OverflowError) as error:
        raise BadLinkError("this is not one of our links") from error
    if link.expires <= now and not also_expired:
        raise BadLinkError("the link has expired")
    return link


def url(public_url: str, token: str) -> str:
    return f"{public_url}/confirm/{token}"


def is_usable(
    keys: Keys, current_url: str, contact: str, number: str, now: datetime, lifetime: timedelta
) -> bool:
    """Return whether a link that a CRM holds can stay: a third of its lifetime is left."""
    try:
        link = read_token(keys, current_url.rpartition("/confirm/")[2], now)
    except BadLinkError:
        return False
    same = link.contact == contact and link.number_hash == keys.short_hash(number)
    return same and link.expires - now > lifetime / 3


def renew_after(
    keys: Keys, current_url: str, now: datetime, lifetime: timedelta
) -> datetime | None:
    """Return when to renew a link that a CRM holds; None if it is not one of ours."""
    try:
        return read_token(keys, current_url.rpartition("/confirm/")[2], now).expires - lifetime / 3
    except BadLinkError:
        return None


def _signer(keys: Keys) -> URLSafeSerializer:
    return URLSafeSerializer(keys.signing_keys(), salt=_SALT)
