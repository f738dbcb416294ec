"""What every registered provider keeps to, whatever its wire: asked over loopback or a script, in meaning.

A provider is left out of a suite only where one of its flags says so; then the adaptation or the refusal is
what is tested. To add a wire: a speaker (tests/support/speakers). To add a provider: nothing, unless it needs
settings of its own (`contact.SETTINGS`).
"""
