"""The house rules that no linter knows: short functions, short modules, nothing left to do, packages that say why."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "trust", "connectors", "federation", "examples")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 350
LEFT_TO_DO = re.compile("TO[D]O|FIX[M]E")
"""Spelt so that this module keeps its own rule."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def named(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def long_functions(path: Path) -> list[str]:
    return [f"{path.name}: {node.name}" for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX]


def test_every_package_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


def test_a_module_is_read_in_one_sitting() -> None:
    assert named([path for path in MODULES if len(path.read_text("utf-8").splitlines()) > MODULE_LINES_MAX]) == []


def test_a_function_fits_on_a_page() -> None:
    assert [name for path in (*MODULES, *TESTS) for name in long_functions(path)] == []


def test_a_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert named([folder for folder in folders if not (folder / "__init__.py").exists()]) == []


def test_a_module_and_a_package_say_what_they_are_for() -> None:
    assert named([path for path in MODULES if not ast.get_docstring(tree_of(path))]) == []


def test_nothing_is_left_to_do() -> None:
    assert named([path for path in (*MODULES, *TESTS) if LEFT_TO_DO.search(path.read_text("utf-8"))]) == []
