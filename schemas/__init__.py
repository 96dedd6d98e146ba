"""The wire: the models every end shares and the rules every end must compute alike.

Owns: identifiers, messages, the table of who may say what to whom, the loan's status and custody tables,
tariff, netting and statements. Must not: read a clock, draw a random number, open a file or a socket, or import
anything else of this project.
"""
