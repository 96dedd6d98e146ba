"""The union catalogue for programs that speak Z39.50 or SRU: asked from the gateway, told in their record formats.

A library's own programs (its ILS, Koha, a scholar's Zotero) search the whole alliance through its connector, and order
from it. What is served is public; an order needs a reader's card and PIN. Deliberately absent: a catalogue of our own.
"""

from connectors.faces.config import FacesSettings
from connectors.faces.service import Faces, serve_faces

__all__ = ["Faces", "FacesSettings", "serve_faces"]
