"""A query in the words of one target: attributes that it lacks are translated, dropped or refused, and the change said.

The profile's table decides; a use attribute that the table does not name and that the target was seen not to support is
dropped, so that the target looks where it looks by default. Attributes of other sets than Bib-1 pass as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from connectors.z3950.errors import UnsupportedQuery
from connectors.z3950.profile import DROP, REFUSE, Profile
from connectors.z3950.query import USE, Attribute, Query, ResultSet, Term

_UNSUPPORTED_USE = 114


@dataclass(frozen=True, slots=True)
class Adapted:
    """A query that the target can take, and what was changed in it: ``1=1018>1=1016``, ``1=31>`` where dropped."""

    query: Query
    changes: tuple[str, ...] = ()


def adapt(query: Query, profile: Profile) -> Adapted:
    """Return ``query`` as the target of ``profile`` is asked.

    Raises:
        UnsupportedQuery: diagnostic 114, the profile says to refuse an attribute rather than change it.
    """
    if not profile.attributes and not profile.uses:
        return Adapted(query)
    changes: dict[str, None] = {}
    adapted = _adapted(query, profile, changes)
    return Adapted(adapted, tuple(changes))


def _adapted(query: Query, profile: Profile, changes: dict[str, None]) -> Query:
    if isinstance(query, Term):
        return replace(query, attributes=tuple(_attributes(query, profile, changes)))
    if isinstance(query, ResultSet):
        return query
    return type(query)(_adapted(query.left, profile, changes), _adapted(query.right, profile, changes))


def _attributes(term: Term, profile: Profile, changes: dict[str, None]) -> Iterator[Attribute]:
    for attribute in term.attributes:
        name = f"{attribute.type}={attribute.value}"
        replacement = name if attribute.attribute_set else _replacement(attribute, name, profile)
        if replacement == REFUSE:
            raise UnsupportedQuery(_UNSUPPORTED_USE, name)
        if replacement == name:
            yield attribute
            continue
        changes[f"{name}>{replacement}"] = None
        if replacement != DROP:
            kind, _, value = replacement.partition("=")
            yield Attribute(int(kind), int(value))


def _replacement(attribute: Attribute, name: str, profile: Profile) -> str:
    if name in profile.attributes:
        return profile.attributes[name]
    is_missing = attribute.type == USE and profile.uses and attribute.value not in profile.uses
    return DROP if is_missing else name
