"""Values for every field of the models on the wire, drawn from the models themselves."""

import types
from dataclasses import is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from schemas.identifiers import Identifier

TEXT_MAX = 12
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=TEXT_MAX)
_MOMENT = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@cache
def bodies(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Draw valid instances of a model."""
    return st.builds(model, **{name: _values(field.annotation, _limits(field))
                               for name, field in model.model_fields.items()})


def _limits(field: FieldInfo) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for entry in field.metadata:
        for name in ("ge", "le", "lt", "max_length", "pattern"):
            if getattr(entry, name, None) is not None:
                limits[name] = getattr(entry, name)
    return limits


def _values(kind: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of(*(_values(part, limits) for part in inner))
    if hasattr(kind, "__metadata__"):
        return _values(inner[0], _limits(FieldInfo.from_annotation(kind)))
    if origin is tuple:
        return st.tuples(*(_values(part, {}) for part in inner)) if Ellipsis not in inner else st.lists(
            _values(inner[0], {}), max_size=2).map(tuple)
    if isinstance(kind, type) and issubclass(kind, Identifier):
        return st.from_regex(kind.pattern, fullmatch=True, alphabet=st.characters(max_codepoint=127)).map(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return bodies(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return st.builds(kind, **{name: _values(hint, {}) for name, hint in hints.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return _PLAIN[kind](limits)


_PLAIN = {
    int: lambda limits: st.integers(limits.get("ge", -2**40), limits.get("le", limits.get("lt", 2**40) - 1)),
    str: lambda limits: st.from_regex(limits["pattern"], fullmatch=True) if "pattern" in limits else _TEXT,
    bool: lambda _limits: st.booleans(),
    date: lambda _limits: st.dates(),
    AwareDatetime: lambda _limits: _MOMENT,
    type(None): lambda _limits: st.none(),
}
