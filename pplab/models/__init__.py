"""Models: the client for every compatible server, the embedded model, identity of calls, capabilities, prices."""
