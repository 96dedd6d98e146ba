"""``delta-trust``'s ceremonies: keys, requests, drafts and signatures that travel between admins as files.

People and files are here; what a directory must be to be accepted is in ``trust.directory``.
"""
