"""A bad list is found, a small one does not shout, and chance names nobody more often than said."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.segments.statistics import exceeds_threshold, share

counts = st.integers(0, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


class TestShare:
    @pytest.mark.parametrize(
        ("bad", "of", "low", "high"),
        # Newcombe 1998, table I, method 4.
        [(81, 263, 0.2535, 0.3682), (15, 148, 0.0598, 0.1644), (0, 20, 0.0, 0.2005),
         (1, 29, 0.0018, 0.1963)],
    )  # fmt: skip
    def test_has_the_interval_of_the_literature(
        self, bad: int, of: int, low: float, high: float
    ) -> None:
        interval = share(bad, of)
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)

    @given(counts)
    def test_lies_within_its_interval(self, count: tuple[int, int]) -> None:
        interval = share(*count)
        assert 0 <= interval.low <= interval.rate <= interval.high <= 1 or count[1] == 0

    @given(st.integers(1, 400), st.floats(0.8, 0.999))
    def test_is_surer_with_more_numbers_and_wider_with_more_certainty(
        self, of: int, confidence: float
    ) -> None:
        bad = of // 3
        few, many = share(bad, of, confidence), share(bad * 10, of * 10, confidence)
        assert many.high - many.low < few.high - few.low
        surer = share(bad, of, (1 + confidence) / 2)
        assert surer.low <= few.low
        assert surer.high >= few.high

    @pytest.mark.parametrize("true", [0.02, 0.2, 0.5])
    def test_holds_the_true_share_as_often_as_it_says(self, true: float) -> None:
        """Not by trying: by adding up the binomial probabilities of all counts that it misses."""
        for of in (10, 60, 300):
            missed = sum(
                math.comb(of, bad) * true**bad * (1 - true) ** (of - bad)
                for bad in range(of + 1)
                if not share(bad, of).low <= true <= share(bad, of).high
            )
            assert missed <= 0.055  # some counts are near the edge; the usual interval misses 0.1

    def test_of_nonsense_is_refused(self) -> None:
        with pytest.raises(ValueError, match="bad ones"):
            share(3, 2)


def split(rnd: random.Random, segments: int, size: int, rate: float) -> dict[str, tuple[int, int]]:
    return {
        f"list {n}": (sum(rnd.random() < rate for _ in range(size)), size) for n in range(segments)
    }


class TestExceedingTheThreshold:
    def test_finds_the_bad_list_among_many(self) -> None:
        rnd = random.Random(4)
        segments = split(rnd, 40, 400, 0.08)
        segments["purchased"] = (sum(rnd.random() < 0.4 for _ in range(300)), 300)
        assert exceeds_threshold(segments, 0.2, 50, 0.99) == ["purchased"]

    def test_a_small_list_does_not_shout(self) -> None:
        segments = {"tiny": (4, 5), "small": (15, 55), "rest": (80, 1000)}
        assert exceeds_threshold(segments, 0.2, 50, 0.99) == []
        assert exceeds_threshold({**segments, "small": (40, 55)}, 0.2, 50, 0.99) == ["small"]

    def test_where_all_are_bad_none_is_worse_than_the_others(self) -> None:
        assert exceeds_threshold({f"list {n}": (300, 1000) for n in range(5)}, 0.2, 50, 0.99) == []
        assert exceeds_threshold({"the only one": (600, 1000)}, 0.2, 50, 0.99) == ["the only one"]

    @pytest.mark.parametrize("rate", [0.08, 0.2])
    def test_chance_alone_is_named_no_more_often_than_stated(self, rate: float) -> None:
        """1,000 random splits of one population into 20 lists; 0.2 is the threshold itself, the
        worst case. Of 1,000 counts 10 may name one wrongly; more than 20 would be chance in 500."""
        rnd = random.Random(9)
        wrong = 0
        for _ in range(1000):
            lists = {}
            for n in range(20):
                size = rnd.choice((60, 120, 300))
                # As good as a binomial draw of this size, and quicker than tossing each coin.
                lists[f"list {n}"] = (_binomial(rnd, size, rate), size)
            wrong += bool(exceeds_threshold(lists, 0.2, 50, 0.99))
        assert wrong <= 20

    def test_nothing_is_said_of_nothing(self) -> None:
        assert exceeds_threshold({}, 0.2, 50, 0.99) == []


def _binomial(rnd: random.Random, of: int, rate: float) -> int:
    return sum(rnd.random() < rate for _ in range(of))
