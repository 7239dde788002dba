"""What `gcfreeze doctor` says about a host, against what is then measured: those that the gate installs.
The others are in test_host_verdicts.py."""

import pytest
from conftest import ROOT
from servers.verdicts import FORK_SERVER, WSGI, judge, own, shared

FOLDER = ROOT / ".venv" / "gunicorn" / "bin"
GUNICORN = "gunicorn -w 2 -b unix:web app:app"
ROWS = [
    shared("gunicorn", GUNICORN + " --preload", WSGI),
    own("gunicorn", GUNICORN, WSGI),
    shared("multiprocessing's forkserver", "python serve.py", "", 2, "warning", files={"serve.py": FORK_SERVER}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_verdict_is_what_the_kernel_says(row, tmp_path):
    if not FOLDER.exists():
        pytest.skip("not installed: gunicorn")
    judge(row, tmp_path, [FOLDER])
