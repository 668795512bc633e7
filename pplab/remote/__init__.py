"""Labs that meet on a shared folder or an object store: push, pull, and what travels between them."""
