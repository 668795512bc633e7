"""The examples in the docstrings of the analysis room are right."""

import doctest
import importlib
import pkgutil

import pytest

import pplab.analysis


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(pplab.analysis.__path__)])
def test_the_examples_of_each_module_hold(name):
    assert doctest.testmod(importlib.import_module(f"pplab.analysis.{name}")).failed == 0
