"""Compiles all files once before the workers of pytest-xdist start, which each need all of them."""

from __future__ import annotations

import multiprocessing
import os
import py_compile
import sys
from collections.abc import Iterator, Sequence
from importlib.util import source_hash
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.assertion import rewrite
from constants import ROOT
from hypothesis.internal.constants_ast import constants_from_module

_PRODUCT = ("config", "connectors", "worker", "sandbox")
_FEW = 50  # files: the workers do as well by themselves
_HASH = slice(8, 16)  # of the source, in what pytest writes


def compile_for_workers(config: pytest.Config) -> None:
    """Before a whole run, let pytest rewrite the tests, Python compile the product, and hypothesis
    look for constants in it, with a process for each core.

    In a clean checkout this takes 23 s of processor time. Left to themselves, the workers start at
    once, find nothing that is compiled, and each take as much. What is there is not made again.
    """
    whole_run = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if sys.dont_write_bytecode or not whole_run or not config.getoption("tx", None):
        return
    stale = [path for path in _tests() if not _is_rewritten(path)]
    if len(stale) < _FEW:
        return
    product = [path for name in _PRODUCT for path in (ROOT / name).rglob("*.py")]
    state = config.stash[rewrite.assertstate_key]
    shares = os.cpu_count() or 1
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=_compile, args=(config, state, stale[n::shares], product[n::shares]))
        for n in range(shares)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _tests() -> Iterator[Path]:
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name == "conftest.py" or path.name.startswith("test_"):
            yield path


def _rewritten(path: Path) -> Path:
    return rewrite.get_cache_dir(path) / (path.name.removesuffix(".py") + rewrite.PYC_TAIL)


def _is_rewritten(path: Path) -> bool:
    try:
        with _rewritten(path).open("rb") as file:
            return file.read(16)[_HASH] == source_hash(path.read_bytes())[:8]
    except OSError:
        return False


def _compile(
    config: pytest.Config, state: Any, tests: Sequence[Path], product: Sequence[Path]
) -> None:
    for path in tests:
        hashed, code = rewrite._rewrite_test(path, config)
        rewrite.try_makedirs(_rewritten(path).parent)
        rewrite._write_pyc(state, code, hashed, _rewritten(path))
    for path in product:
        py_compile.compile(str(path), quiet=2)
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        constants_from_module(module)
