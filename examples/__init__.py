"""Sample alliance, sample ILS and programs that run the whole road. They may import anything;
only tests import them.
"""
