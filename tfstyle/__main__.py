"""``python -m tfstyle`` is ``tfstyle``."""

from tfstyle.cli import main

if __name__ == "__main__":
    main.main()
