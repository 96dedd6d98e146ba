"""The staff's desk: for now a JSON interface on a Unix socket that only the connector's own user may open."""
