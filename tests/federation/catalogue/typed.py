"""What a hostile or clumsy reader may type."""

from hypothesis import strategies as st

OPERATORS = ["OR", "AND", "NOT", "NEAR", "与", "或", "非", "title:", "author:", "isbn:", "--", "/*", "<->", ":*", "&"]
PIECES = [*OPERATORS, *"\"'*:()-+^{}[];\\ \t\x00‖“”：（）|!@", "红楼梦", "hong", "honglou", "a", "1", "梦"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
