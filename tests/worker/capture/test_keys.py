"""Capture keys: what they may be, and which of them counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from captures import ORIGIN, add_key, settings_for
from clocks import advance_clock

from worker.capture import keys
from worker.capture.keys import KeyValues, origin_of
from worker.capture.model import CaptureKeyError, CaptureKeyState, NoSuchCaptureKeyError
from worker.context import Context


@pytest.fixture
def ctx(tmp_path: Path, database_url: str) -> Iterator[Context]:
    opened = Context.create(settings_for(tmp_path, database_url))
    yield opened
    opened.close()


class TestAKey:
    def test_is_found_by_what_a_form_shows(self, ctx: Context) -> None:
        key = add_key(ctx)
        assert keys.shown(ctx, key.key) == key
        for text in ("", "hyg_secret", f"{key.key}x", key.key.upper(), keys.PREFIX, "x" * 10_000):
            assert keys.shown(ctx, text) is None

    def test_pays_for_nothing_by_default(self, ctx: Context) -> None:
        key = add_key(ctx)
        assert (key.pays, key.per_minute, key.per_address) == (False, 120, 20)

    def test_counts_for_a_while_after_a_new_one(self, ctx: Context) -> None:
        former = add_key(ctx)
        key = keys.rotate(ctx, "shop", timedelta(hours=2))
        assert key.key != former.key
        assert keys.shown(ctx, former.key) == keys.shown(ctx, key.key) == key
        advance_clock(ctx, hours=3)
        assert keys.shown(ctx, former.key) is None
        assert keys.shown(ctx, key.key) is not None

    def test_ends_at_once_where_it_is_misused(self, ctx: Context) -> None:
        former = add_key(ctx)
        keys.rotate(ctx, "shop", timedelta(0))
        assert keys.shown(ctx, former.key) is None

    def test_is_changed_paused_and_removed(self, ctx: Context) -> None:
        key = add_key(ctx)
        changed = keys.change(ctx, "shop", KeyValues(per_minute=7))
        assert changed == replace(key, per_minute=7)
        assert keys.pause(ctx, "shop").state == CaptureKeyState.PAUSED
        assert keys.resume(ctx, "shop").state == CaptureKeyState.ACTIVE
        keys.remove(ctx, "shop")
        assert keys.shown(ctx, key.key) is None
        with pytest.raises(NoSuchCaptureKeyError):
            keys.find(ctx, "shop")
        assert add_key(ctx).id > key.id  # what the former one has spent is not this one's

    @pytest.mark.parametrize(
        ("values", "problem"),
        [
            ({"origins": ()}, "name at least one"),
            ({"per_minute": 0}, "per_minute: write a number"),
            ({"per_address": 100_000}, "per_address: write a number"),
            ({"day_budget": Decimal(1)}, "one for the day and one for the month"),
            ({"day_budget": Decimal(6), "month_budget": Decimal(9)}, "over capture.budget.day"),
            ({"day_budget": Decimal(1), "month_budget": Decimal(51)}, "over capture.budget.month"),
        ],
    )
    def test_that_makes_no_sense_is_refused(
        self, ctx: Context, values: dict[str, object], problem: str
    ) -> None:
        with pytest.raises(CaptureKeyError, match=problem):
            add_key(ctx, **values)
        assert keys.all_keys(ctx) == []

    def test_has_a_name_of_its_own(self, ctx: Context) -> None:
        add_key(ctx)
        for name, problem in (("shop", "already"), ("Big Name!", "use a-z")):
            with pytest.raises(CaptureKeyError, match=problem):
                add_key(ctx, name)


class TestAnOrigin:
    @pytest.mark.parametrize(
        ("text", "origin"),
        [
            (ORIGIN, ORIGIN), ("https://Shop.Example.com:443/", ORIGIN),
            ("https://shop.example.com:8443", "https://shop.example.com:8443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://müller.example", "https://xn--mller-kva.example"),
        ],
    )  # fmt: skip
    def test_is_written_as_browsers_do(self, text: str, origin: str) -> None:
        assert origin_of(text) == origin

    @pytest.mark.parametrize(
        "text",
        ["", "shop.example.com", "null", "*", "https://*.example.com", "https://x.example/form",
         "http://shop.example.com", "https://kim:pw@x.example", "ftp://x.example",
         "https://x.example:99999", "https://x.example?a=1", "https://x.example, https://y.example"],
    )  # fmt: skip
    def test_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(CaptureKeyError, match="origins: "):
            origin_of(text)

    def test_is_known_as_long_as_some_key_is_for_it(self, ctx: Context) -> None:
        add_key(ctx)
        assert keys.is_known_origin(ctx, ORIGIN)
        assert not keys.is_known_origin(ctx, f"{ORIGIN}:444")
        keys.remove(ctx, "shop")
        assert not keys.is_known_origin(ctx, ORIGIN)
