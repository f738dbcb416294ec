"""A configuration, whichever dialect it was written in, as one frozen value; nothing behind it knows another.

`model` says what there is; `reading` finds the dialect by the file's name and tells what is wrong in it;
`toml_dialect` and `yaml_dialect` know their own keys and nothing of each other.
"""
