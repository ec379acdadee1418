"""A broken build that fails because it no longer fits the code proves nothing, and is told so."""

from collections.abc import Callable
from typing import Any

import pytest

from chaos.mutants import MUTANTS, outdated


def _replaces_what_took_one_argument() -> Callable[..., Any]:
    return lambda _one: None


@pytest.mark.parametrize("arguments", [(), (1, 2)])
def test_a_replacement_that_is_called_with_other_arguments_is_out_of_date(
    arguments: tuple[int, ...],
) -> None:
    with pytest.raises(TypeError) as raised:
        _replaces_what_took_one_argument()(*arguments)

    assert "_replaces_what_took_one_argument" in outdated(f"TypeError: {raised.value}\n")


def test_what_the_product_says_itself_is_not() -> None:
    assert not outdated("TypeError: Connection.execute() got an unexpected keyword argument 'x'")


def test_each_names_the_promise_that_it_breaks() -> None:
    assert all(0 < mutant.promise <= 21 and mutant.description for mutant in MUTANTS.values())
