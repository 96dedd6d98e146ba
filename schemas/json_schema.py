"""The published JSON Schemas (draft 2020-12), made from the models that the programs themselves read with.

A schema says which fields a document has and what they may hold. Absent, because no schema can say it: one key named
twice, a number written as ``1.0`` (to JSON Schema an integer), and who may say what to whom (``schemas.dialogue``).
"""

from collections.abc import Mapping
from inspect import getdoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import CoreSchema

from schemas.directory import Directory, Policies, Tariff
from schemas.envelope import PAYLOAD_TYPE
from schemas.frames import Frame
from schemas.lending import ReaderAmendment, ReaderOrder
from schemas.messages import BODIES, AnyMessage, Message, MessageType

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "frame": Frame,
    "directory": Directory,
    "tariff": Tariff,
    "policies": Policies,
    "reader_order": ReaderOrder,
    "reader_amendment": ReaderAmendment,
}
"""What has one model; messages and the envelope have functions of their own."""

_ENVELOPE_IS = "DSSE v1, of which this protocol allows one form. Base64 has to re-encode to itself besides."
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


class _Plain(GenerateJsonSchema):
    """Says what pydantic says, without the titles that repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        untitled: JsonSchemaValue = _untitled(super().generate(schema, mode))
        return untitled


def render() -> dict[str, dict[str, Any]]:
    """Return every schema by its name."""
    documents = {name: _with_id(name, model.model_json_schema(schema_generator=_Plain))
                 for name, model in DOCUMENTS.items()}
    return documents | {"envelope": _envelope(), "message": _message()}


def _message() -> dict[str, Any]:
    """One header for all types; ``type`` decides what ``body`` holds."""
    models: list[type[BaseModel]] = [AnyMessage, *BODIES.values()]
    references, described = models_json_schema([(model, "validation") for model in models], schema_generator=_Plain)
    definitions = _untitled(described["$defs"])
    name = references[AnyMessage, "validation"]["$ref"].removeprefix("#/$defs/")
    header = definitions.pop(name)
    header["description"] = getdoc(Message)
    header["allOf"] = [_body_of(kind, references[body, "validation"]) for kind, body in BODIES.items()]
    return _with_id("message", {**header, "$defs": definitions})


def _body_of(kind: MessageType, reference: JsonSchemaValue) -> dict[str, Any]:
    return {"if": {"properties": {"type": {"const": kind.value}}}, "then": {"properties": {"body": reference}}}


def _envelope() -> dict[str, Any]:
    text = {"type": "string"}
    signature = _closed({"keyid": text, "sig": {**text, "pattern": _BASE64}})
    return _with_id("envelope", {"description": _ENVELOPE_IS, **_closed({
        "payloadType": {"const": PAYLOAD_TYPE},
        "payload": {**text, "pattern": _BASE64, "contentMediaType": PAYLOAD_TYPE, "contentEncoding": "base64"},
        "signatures": {"type": "array", "items": signature, "minItems": 1, "maxItems": 1},
    })})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _with_id(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": f"{name}.json", **schema}


def _untitled(schema: Any) -> Any:
    """Drop the titles of models, which say no more than their names; a property may be called title all the same."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _untitled(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
