"""``python -m cxgov``."""

from cxgov.cli.main import main

main()
