"""Runs elsewhere: in a process of their own, in several processes, on a cluster."""
