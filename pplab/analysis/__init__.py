"""Frames of responses in; means, intervals, tests and sentences out. Nothing here reads a store, calls a model or draws.

Each module is imported by its own name, so that a caller pays only for what it uses:

``layout``       responses arranged by prompt and setting; what counts and what is left out
``summaries``    one row a setting, and moments that can be merged
``resampling``   the seeded bootstrap and permutation kernels
``power``        which difference a number of prompts can show, and how many a difference needs
``records``      the results, each with ``.words`` and ``.as_dict()``
``statistics``   means, paired differences, effect sizes, corrections, the best setting, trends
``diversity``    how far apart the answers of a setting are, with an interval
``equivalence``  same, drifted or cannot tell
``verdicts``     what a person may conclude from an experiment
``recommend``    the setting that suits a calibration's balance, and what to run next
``preflight``    what a planned experiment will be able to see
"""
