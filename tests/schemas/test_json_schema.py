"""The published schemas: they say what the models say, to a program in any language."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from schemas.directory import Directory, Policies, Tariff
from schemas.frames import Frame
from schemas.json_schema import DOCUMENTS, render
from schemas.messages import BODIES, MODELS, MalformedMessage, Message, MessageType, decode_message, encode_message
from tests.conformance.second.page import fits
from tests.schemas.wire_strategies import bodies
from tests.trust.samples import HANGZHOU, POLICIES, TARIFF, sample_directory, signing_key
from trust.dsse import encode_envelope
from trust.publish import encode_document

SCHEMAS = render()
NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
HEADER = {"src": "CN-ZJ-HANGZHOU", "dst": "CN-SH-YANGPU", "conv": "loan-0001", "created": NOW, "expires": NOW,
          "dir": (1, "ab" * 32), "nonce": "00"}
WRONG = st.sampled_from((None, -1, 2**53, True, "", "x", "loan", "\n", "2026-12-01T08:00:00Z", "2026-02-30", [], [1],
                         {}, {"x": 1}))
FILES = {"directory": (Directory, sample_directory()), "tariff": (Tariff, TARIFF), "policies": (Policies, POLICIES)}


def a_message(kind: MessageType) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a message as it goes over the wire."""
    return bodies(BODIES[kind]).map(
        lambda body: json.loads(encode_message(Message[type(body)](type=kind, body=body, **HEADER))))


def nodes(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path to everything in a document."""
    yield path
    children = document.items() if isinstance(document, dict) else enumerate(
        document if isinstance(document, list) else ())
    for key, value in children:
        yield from nodes(value, (*path, key))


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from subschemas(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from subschemas(value)


@st.composite
def altered(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Put something else in one place, leave one field away, or add one that nobody knows."""
    document = copy.deepcopy(document)
    *path, last = draw(st.sampled_from([path for path in nodes(document) if path]))
    parent = document
    for key in path:
        parent = parent[key]
    if draw(st.booleans()):
        parent[last] = draw(WRONG)
    elif isinstance(parent, dict):
        parent.pop(last) if draw(st.booleans()) else parent.update({f"{last} too": parent[last]})
    return document


def is_read(model: type[BaseModel], document: dict[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(document), strict=True)
    except ValidationError:
        return False
    return True


def names_no_tier(document: dict[str, Any]) -> bool:
    """What no schema can say: the default tier is one of the tiers."""
    return "default_tier" in document and document["default_tier"] not in (document.get("tiers") or ())


def is_message(document: dict[str, Any]) -> bool:
    try:
        decode_message(json.dumps(document).encode())
    except MalformedMessage:
        return False
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_object_takes_a_field_that_it_does_not_name(name: str) -> None:
    for schema in subschemas(SCHEMAS[name]):
        if schema.get("type") == "object" and "properties" in schema:
            assert schema["additionalProperties"] is False, schema


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_number_is_one_that_all_readers_hold(name: str) -> None:
    for schema in subschemas(SCHEMAS[name]):
        if schema.get("type") == "integer":
            assert schema.get("minimum", schema.get("exclusiveMinimum", -2**60)) >= -2**53, schema
            assert schema.get("maximum", schema.get("exclusiveMaximum", 2**60)) <= 2**53, schema


def test_every_message_has_a_body() -> None:
    branches = {branch["if"]["properties"]["type"]["const"] for branch in SCHEMAS["message"]["allOf"]}
    assert branches == set(MODELS) == set(SCHEMAS["message"]["$defs"]["MessageType"]["enum"])


@pytest.mark.parametrize("kind", MessageType)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_schema_and_model_agree_on_messages(kind: MessageType, data: st.DataObject) -> None:
    document = data.draw(a_message(kind))
    assert fits("message", document)
    assert is_message(document)
    changed = data.draw(altered(document))
    assert fits("message", changed) == is_message(changed)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_schema_and_model_agree_on_the_directorys_files(name: str, data: st.DataObject) -> None:
    model, sample = FILES[name]
    document = json.loads(encode_document(sample))
    assert fits(name, document)
    changed = data.draw(altered(document))
    assert fits(name, changed) == is_read(model, changed) or names_no_tier(changed)


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - FILES.keys()))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_schema_and_model_agree_on_the_rest(name: str, data: st.DataObject) -> None:
    model = DOCUMENTS[name]
    document = json.loads(data.draw(bodies(model)).model_dump_json(exclude_none=True))
    assert fits(name, document)
    changed = data.draw(altered(document))
    assert fits(name, changed) == is_read(model, changed)


def test_an_envelope_fits_and_nothing_beside_it() -> None:
    envelope = json.loads(encode_envelope(b"{}", signing_key(HANGZHOU))[1])
    assert fits("envelope", envelope)
    for changes in ({"signatures": []}, {"signatures": envelope["signatures"] * 2}, {"payload": "e30"},
                    {"payloadType": "text/plain"}, {"note": ""}):
        assert not fits("envelope", envelope | changes)


def test_a_frame_of_every_kind_fits() -> None:
    kinds = SCHEMAS["frame"]["$defs"]["FrameKind"]["enum"]
    assert all(fits("frame", json.loads(Frame(kind=kind).encode())) for kind in kinds)
