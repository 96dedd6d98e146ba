"""The readers' pages (being written)."""

from aiohttp import web


def add_portal(_app: web.Application) -> None:
    """Add the pages."""
