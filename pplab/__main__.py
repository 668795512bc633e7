"""``python -m pplab`` is the program ``pplab``."""

from pplab.cli import main

raise SystemExit(main())
