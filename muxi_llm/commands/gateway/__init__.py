"""The gateway's commands, for who has its extra."""
