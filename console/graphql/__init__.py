"""The API: the client's types and queries, the rest of what people read and do, within limits that hold."""
