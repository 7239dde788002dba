"""Where things are; and what the integration tests know about interpreters and environments."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "integration"))

PROGRAM = os.environ.get("GCFREEZE_TEST_CLI", str(ROOT / "build-debug" / "gcfreeze"))
RESULTS = ROOT / "build" / "suites"
SITE = Path(__file__).parent / "site"
VENVS = ROOT / ".venv"
