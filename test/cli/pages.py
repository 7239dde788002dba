"""What must be true of each page that gcfreeze writes."""

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Fails where a tag is not closed, or closed that was not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def check(text):
    """Well-formed, self-contained, without scripts; numbers in plots are numbers."""
    assert text.startswith("<!doctype html>")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "a"}
    for _, attributes in page.tags:
        assert not {"src", "href", "onload", "onclick"} & set(attributes)
    assert "url(" not in text and "@import" not in text and "prefers-color-scheme:dark" in text
    plots = re.findall(r"<svg.*?</svg>", text, re.S)
    classes = [ElementTree.fromstring(plot).get("class") for plot in plots]
    assert classes.count("wide") == classes.count("narrow") == len(plots) / 2 > 0
    for plot in plots:
        assert not re.search(r"[\" ,ML]-?(nan|inf)", plot)
    return page


MEASURE = """<script>
const found = [];
if (document.documentElement.scrollWidth > innerWidth) found.push("the page is too wide");
let texts = 0;
for (const plot of document.querySelectorAll("svg")) {
  const box = plot.getBoundingClientRect();
  if (!box.width) continue;
  const boxes = [];
  for (const text of plot.querySelectorAll("text")) {
    const own = text.getBoundingClientRect();
    texts++;
    if (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 ||
        own.bottom > box.bottom + 1) found.push("outside its plot: " + text.textContent);
    for (const [other, words] of boxes)
      if (own.left < other.right && other.left < own.right && own.top < other.bottom - 3 &&
          other.top < own.bottom - 3) found.push("on top of each other: " + words + ", " + text.textContent);
    boxes.push([own, text.textContent]);
    if (own.height < 10) found.push("too small: " + text.textContent);
  }
}
parent.document.title = innerWidth + " wide, " + texts + " texts; " + found.join("; ");
</script>"""


def check_layout(path, width):
    """Chromium's opinion of the page at this width: nothing clipped, nothing over another."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("no chromium on this machine")
    inside = html.escape(path.read_text().replace("</body>", MEASURE + "</body>"))
    frame = path.with_name("frame.html")  # chromium's own window is never narrower than 500
    frame.write_text(
        "<!doctype html><meta charset=utf-8><title>unmeasured</title>"
        '<iframe style="border:0;width:%dpx;height:9000px" srcdoc="%s"></iframe>' % (width, inside)
    )
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--user-data-dir=%s" % path.with_name("chromium"), "--window-size=1400,2000",
         "--dump-dom", frame.as_uri()],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    title = re.search(r"<title>(\d+) wide, (\d+) texts; (.*?)</title>", done.stdout)
    assert title, done.stdout[:500]
    assert int(title[1]) == width and int(title[2]) > 10
    assert title[3] == "", title[3]
