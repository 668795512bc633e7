"""The verbs of a lab in groups, which `pplab.lab.Lab` composes; each is short, and the work is done in the rooms below."""
