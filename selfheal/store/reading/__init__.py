"""What people read, by keyset pages and in batches; nothing here changes anything."""
