"""What an operator sets, table by table; `file` reads it, `estate` is the whole of it."""
