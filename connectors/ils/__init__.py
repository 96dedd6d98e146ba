"""What the agent asks of a library system, and its one implementation, over SIP2."""
