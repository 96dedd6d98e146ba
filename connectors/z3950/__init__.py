"""Z39.50, both sides: search other catalogues, and let others search ours.

Owns the octets, the APDUs, queries as trees and the state of an association (``ber``, ``asn1``, ``apdu``, ``codec``,
``query``, ``pqf``, ``session``, ``service``: no I/O), and one thin shell for each side (``client``, ``server``). Must
not look inside a record: that is for ``connectors.marc``. Read ``apdu``, then ``session``, then ``client``.
"""
