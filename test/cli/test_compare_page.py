"""The page of `gcfreeze compare`."""

import re

import pytest
from comparing import Comparison
from pages import check, check_layout

EVIL = "<b>bold</b> <script>alert('1')</script> &amp; \"quoted\" \x01 end"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of all modes, whose server has odd words on its command line and in its log."""
    folder = tmp_path_factory.mktemp("page")
    running = Comparison(
        folder, "--url={url}", "--url={url}<i>", "--seconds=2", "--output", folder / "page.html",
        "--modes=all", "--warmup=m:f",
        server=["--say", "gcfreeze[7]: " + EVIL, "--workers=5"],
    )  # fmt: skip
    try:
        code, _, stderr = running.end()
    finally:
        running.close()
    assert code == 0, stderr
    return folder / "page.html"


def test_it_is_well_formed_and_self_contained(written):
    check(written.read_text())


def test_what_comes_from_outside_is_escaped(written):
    text = written.read_text()
    page = check(text)
    said = "gcfreeze[7]: " + EVIL.replace("\x01 ", "")
    assert page.text.count(said) == 6  # what the library says is a note of the mode
    assert "<script" not in text and "<b>bold" not in text and "\x01" not in text
    assert "alert('\\''1'\\'')" in page.text  # and the command is as a shell reads it


def test_every_figure_has_its_mode_and_unit(written):
    text = written.read_text()
    page = check(text)
    for mode in ("off", "freeze", "immortal", "reshare", "full", "warm"):
        assert text.count(">%s<" % mode) + text.count(">%s <" % mode) >= 6, mode
    for row in ("Server’s memory", "A worker’s own", "of it new", "of it copied", "Requests/s", "Median latency", "99.9 %"):
        assert row in page.text
    assert len(re.findall(r"<small class=\"(?:good|bad|)\">[−+±]\d+ %</small>", text)) == 20
    assert "2 s of requests over 8 connections" in page.text
    assert "and 1 more" in page.text


def test_each_worker_is_a_dot(written):
    rows = re.findall(r'<svg class="narrow"[^>]*aria-label="Each worker.*?</svg>', written.read_text(), re.S)
    assert len(rows) == 1
    assert 6 <= rows[0].count("<circle") <= 30  # equal ones are drawn once
    assert rows[0].count('class="mean') == 6


@pytest.mark.parametrize("width", [1200, 700, 390])
def test_nothing_is_clipped_or_covered(written, width):
    check_layout(written, width)
