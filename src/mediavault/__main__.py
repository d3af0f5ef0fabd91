"""``python -m mediavault``."""

import sys

from mediavault.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
