"""``python -m trusteq``: the command line."""

from trusteq.cli.main import main

if __name__ == "__main__":
    main()
