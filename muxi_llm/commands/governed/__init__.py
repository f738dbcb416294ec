"""A gateway and its governance put together (`composed`)."""
