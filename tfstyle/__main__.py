"""Makes ``python -m tfstyle`` the same as ``tfstyle``."""

from tfstyle.cli import main

if __name__ == "__main__":
    main.main()
