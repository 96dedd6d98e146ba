"""The labelled pairs that judge the clustering of catalogue records: facts in, pairs out.

It shares no code with what it judges: no folding, no transliteration, no matching. Traditional characters and pinyin
are written by hand in the facts. ``python -m tests.conformance.clustering`` writes the files anew.
"""
