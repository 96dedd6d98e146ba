"""Z39.50, both sides: search other catalogues, and let others search ours.

Owns the octets, the APDUs, queries as trees and the state of an association (``ber``, ``asn1``, ``apdu``, ``codec``,
``query``, ``pqf``, ``session``, ``service``: no I/O); one thin shell for each side (``association``, ``server``); and
what makes many targets one: ``profile``, ``pool``, ``live``, ``probe``. Must not look inside a MARC record: that is for
``connectors.marc``. Read ``apdu``, then ``session``, then ``association``, then ``live``.
"""
