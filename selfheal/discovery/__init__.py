"""From what runs on a machine to a first settings file; `selfheal discover` asks the clients and hands over."""
