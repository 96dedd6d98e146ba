import subprocess
import sys
from datetime import UTC, datetime

from examples.alliance.clock import SteppedClock, clock_of, system_clock

MOMENT = datetime(2026, 3, 2, 1, 2, 3, 456789, tzinfo=UTC)


def test_a_stepped_clock_shows_the_moment_it_was_set_to(tmp_path):
    clock = SteppedClock(tmp_path / "clock")
    assert clock() == datetime(1970, 1, 1, tzinfo=UTC)

    clock.set(MOMENT)

    assert clock() == clock_of(tmp_path / "clock")() == MOMENT
    assert (tmp_path / "clock").read_bytes() == (1772413323456789).to_bytes(8, "little")


def test_every_process_sees_the_same_moment(tmp_path):
    clock = SteppedClock(tmp_path / "clock")
    clock.set(MOMENT)
    program = (
        "import sys; from pathlib import Path; from examples.alliance.clock import SteppedClock;"
        "print(SteppedClock(Path(sys.argv[1]))().isoformat())"
    )

    shown = subprocess.check_output([sys.executable, "-c", program, tmp_path / "clock"], text=True)

    assert datetime.fromisoformat(shown.strip()) == MOMENT


def test_without_a_file_the_machine_tells_the_time():
    assert clock_of(None) is system_clock
    assert system_clock().tzinfo is UTC
