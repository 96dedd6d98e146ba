"""The page of threats says what the table says, and the table what the simulator can do."""

import inspect
from pathlib import Path

from schemas.lending import OrderRefusal
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from tests.simulator import charging, directories, forging, histories, withholding
from tests.simulator.hostile_hub import ATTACKS
from tests.simulator.threats import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "threats.md"


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.simulator.threats > docs/threats.md"


def test_every_attack_that_is_written_is_played() -> None:
    written = {function for module in (charging, directories, forging, histories, withholding)
               for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
               if function.__module__ == module.__name__ and not name.startswith("_")}
    assert written == {act for attack in ATTACKS for act in (attack.act, attack.after) if act is not None}


def test_every_row_has_a_name_of_its_own_and_is_noticed_by_a_name_of_the_protocol() -> None:
    names = {*ProblemCode, *OrderRefusal, MessageType.STATEMENT_DISPUTE, None}
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert {attack.code for attack in ATTACKS} <= names
