"""The gateway's part in a loan: proposing suppliers, holding reservations. It never decides for a library."""
