"""The key under which what was erased is recognised: where it comes from, what if it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from constants import NUMBER
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.store.errors import StoreError
from worker.store.pseudonyms import Keys
from worker.suppression import suppressions
from worker.suppression.erasure import erase_number

Make = Callable[..., Context]


@pytest.fixture
def make(make_context: Make, either_database_url: str) -> Make:
    return lambda **env: make_context(DATABASE_URL=either_database_url, **env)


class TestTheKey:
    def test_is_the_same_in_every_process(self, make: Make) -> None:
        assert make().keys == make().keys

    def test_of_our_own_goes_on_to_count_once_one_is_set(self, make: Make) -> None:
        erased = make().keys.erased_number(NUMBER)
        later = make(SECRET_KEY="a long secret")
        assert erased in later.keys.aliases(NUMBER)
        assert later.keys.erased_number(NUMBER) != erased

    def test_that_is_another_is_refused_until_the_former_one_is_given(self, make: Make) -> None:
        first = make(SECRET_KEY="first").keys
        with pytest.raises(StoreError, match="SECRET_KEY_PREVIOUS"):
            _ = make(SECRET_KEY="second").keys
        both = make(SECRET_KEY="second", SECRET_KEY_PREVIOUS="first").keys
        assert first.erased_number(NUMBER) in both.aliases(NUMBER)

    def test_under_which_something_was_erased_is_needed_for_good(self, make: Make) -> None:
        first = make(SECRET_KEY="first")
        erase_number(first, NUMBER, "an admin")
        second = make(SECRET_KEY="second", SECRET_KEY_PREVIOUS="first")
        assert suppressions.list_suppressions(second, NUMBER)
        for previous in ("", "second"):
            with pytest.raises(StoreError, match="SECRET_KEY_PREVIOUS"):
                _ = make(SECRET_KEY="third", SECRET_KEY_PREVIOUS=previous).keys
        with pytest.raises(StoreError, match="SECRET_KEY_PREVIOUS"):
            _ = make(SECRET_KEY="second").keys
        third = make(SECRET_KEY="third", SECRET_KEY_PREVIOUS="first")
        assert suppressions.list_suppressions(third, NUMBER)

    def test_under_which_nothing_was_erased_may_go(self, make: Make) -> None:
        _ = make(SECRET_KEY="first").keys
        second = make(SECRET_KEY="second", SECRET_KEY_PREVIOUS="first")
        erase_number(second, NUMBER, "an admin")
        third = make(SECRET_KEY="third", SECRET_KEY_PREVIOUS="second")
        assert suppressions.list_suppressions(third, NUMBER)

    def test_of_our_own_under_which_something_was_erased_is_always_there(self, make: Make) -> None:
        erase_number(make(), NUMBER, "an admin")
        for given in ({"SECRET_KEY": "first"},
                      {"SECRET_KEY": "second", "SECRET_KEY_PREVIOUS": "first"}):  # fmt: skip
            assert suppressions.list_suppressions(make(**given), NUMBER)

    @pytest.mark.parametrize("former", ["", "first"])
    def test_that_is_another_loses_no_stop_of_a_person(
        self, make: Make, sandbox: Any, sync: Sync, former: str
    ) -> None:
        """What was ticked in one CRM holds in the other by the email's hash under the former key,
        also where that was a key of our own."""
        every = Crm.all(sandbox)
        record_ids = {name: crm.ids()[0] for name, crm in every.items()}
        for name, crm in every.items():
            crm.edit(record_ids[name], {f"phone/{crm.phone}": NUMBER})
            email = "Email" if name == "salesforce" else "email"
            crm.act(record_ids[name], {"set": {email: "ada@example.com"}})
        before = make(SECRET_KEY=former)
        for name in every:
            sync(before, name)
        every["salesforce"].edit(record_ids["salesforce"], {"do_not_contact": True})
        sync(before, "salesforce")
        sync(before, "hubspot", "everything")
        assert every["hubspot"].get(record_ids["hubspot"], "do_not_contact") is True
        later = make(SECRET_KEY="second", SECRET_KEY_PREVIOUS=former)
        sync(later, "hubspot", "everything")
        assert every["hubspot"].get(record_ids["hubspot"], "do_not_contact") is True

    def test_file_that_is_empty_is_told(self, make_context: Make, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "secret-key").touch()
        with pytest.raises(StoreError, match="it is empty"):
            _ = make_context().keys


class TestAHash:
    def test_tells_nothing_and_is_another_under_another_key(self) -> None:
        first, other = Keys((b"one",)), Keys((b"other",))
        assert "4155552671" not in first.erased_number(NUMBER)
        assert first.erased_number(NUMBER) != other.erased_number(NUMBER)
        assert first.erased_number(first.erased_number(NUMBER)) == first.erased_number(NUMBER)

    def test_of_a_person_is_that_of_the_address_however_it_is_written(self) -> None:
        keys = Keys((b"one",))
        assert keys.person(" Ada@Example.com ") == keys.person("ada@example.com")
        assert keys.person("") == ""

    def test_of_a_person_is_known_under_former_keys_too(self) -> None:
        first, both = Keys((b"one",)), Keys((b"two", b"one"))
        assert both.person_aliases("Ada@Example.com") == (
            both.person("ada@example.com"), first.person("ada@example.com"),
        )  # fmt: skip
        assert both.person_aliases(" ") == ()
