"""The vectors any implementer can use: they hold here, and they are what the generator writes."""

import json
from base64 import b64decode
from datetime import datetime

import pytest

from schemas.identifiers import AgencyId
from tests.trust.make_vectors import FOLDER, render
from trust.directory import FILES, accept
from trust.envelope import open_envelope
from trust.errors import EnvelopeRefused

CASES = sorted(FOLDER.glob("*.json"))


def read_directory(now):
    folder = FOLDER / "directory"
    files = {name: (folder / name).read_bytes() for name in FILES}
    return accept([(folder / "root.json").read_bytes()], (folder / "targets.json").read_bytes(), files, now)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_vector(path):
    case = json.loads(path.read_text("utf-8"))
    now, me = datetime.fromisoformat(case["now"]), AgencyId(case["me"])
    raw = b" " * case["spaces_before"] + b64decode(case["envelope_base64"])
    if "hash" in case["expected"]:
        assert open_envelope(raw, read_directory(now), now=now, me=me).hash == case["expected"]["hash"]
    else:
        with pytest.raises(EnvelopeRefused) as caught:
            open_envelope(raw, read_directory(now), now=now, me=me)
        assert caught.value.code == case["expected"]["code"]


def test_the_folder_holds_what_the_generator_writes():
    rendered = render()
    present = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")}
    assert present == set(rendered)
    for name, data in rendered.items():
        assert (FOLDER / name).read_bytes() == data, f"{name}: run python -m tests.trust.make_vectors"
