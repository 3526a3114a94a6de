"""`python -m autocompress` is the same program as `autocompress`."""

from autocompress.cli import main

if __name__ == "__main__":
    main()
