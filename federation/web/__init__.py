"""The gateway's doors: the connectors' link, the readers' JSON interface and pages, and the operator's socket."""
