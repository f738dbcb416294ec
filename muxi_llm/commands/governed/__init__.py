"""A gateway and its governance put together (`composed`), and the tables of its database (`migrate`)."""
