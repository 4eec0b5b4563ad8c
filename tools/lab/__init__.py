"""Private mail servers for tests and the demo: real programs in a room of their own, nothing of the machine touched."""
