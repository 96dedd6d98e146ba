"""The ``delta-connector`` tools: the staff's desk from a terminal, and MARC, SIP2 and Z39.50 looked into by hand.

Owns the commands' options, texts, tables and JSON shapes. Must not decide what a message or record means: that is for
the packages below. Each module adds its commands to the parser (``add_commands``); ``connectors.cli`` runs them.
"""
