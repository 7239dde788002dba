"""`gcfreeze` and `python -m gcfreeze`: this process becomes the program."""

import os
import sys

from gcfreeze import program_path


def main():
    os.execv(program_path(), ["gcfreeze", *sys.argv[1:]])


if __name__ == "__main__":
    main()
