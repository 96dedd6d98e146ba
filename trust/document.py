"""Strict reading of our own JSON documents, of which every reader must see the same content.

One key named twice, a float, an unknown field: two programs would read two documents under one signature, so none of
them passes. Messages have the same rules in ``schemas.messages``.
"""

import json
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from schemas.identifiers import Wire

W = TypeVar("W", bound=Wire)


class Unreadable(ValueError):
    """Not the document expected; the text says where, and never quotes contents."""


def read_document(model: type[W], data: bytes) -> W:
    """Return the document; raise ``Unreadable`` where it is not of the model, strictly."""
    try:
        _DECODER.decode(data.decode())
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        raise Unreadable(f"{where or 'the document'} does not fit") from None
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON in UTF-8 ({type(error).__name__})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Unreadable("an object names one field twice")
    return document


def _refuse_float(_text: str) -> NoReturn:
    raise Unreadable("numbers are integers in this protocol")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_refuse_float, parse_constant=_refuse_float)
