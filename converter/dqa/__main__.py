"""`python -m dqa`."""

from dqa.cli import main

if __name__ == "__main__":
    main()
