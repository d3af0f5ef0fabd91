"""``python -m mediavault``."""

import sys

from mediavault.cli import main

if __name__ == "__main__":
    sys.exit(main())
