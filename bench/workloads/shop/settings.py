"""pretix's. It reads its options from the environment, and finds none of this machine's files."""

import os
from pathlib import Path

FOLDER = Path(os.environ["BENCH_SHOP"])

os.environ.update(
    DATA_DIR=str(FOLDER),
    PRETIX_CONFIG_FILE=str(FOLDER / "none"),
    PRETIX_DJANGO_SECRET="a benchmark's",
    PRETIX_PRETIX_URL="http://localhost",
    PRETIX_PRETIX_LOGLEVEL="ERROR",
)

from pretix.settings import *  # noqa: F401, F403
from pretix.settings import DATABASES

# workers write at the same time: when a session was used
DATABASES["default"]["OPTIONS"] = {"timeout": 60, "transaction_mode": "IMMEDIATE"}
