"""What is asked of the site, over HTTP, by an editor who has logged in."""

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from bench.workloads.site import NAME, PASSWORD

PAGES = """
    / /articles/ /articles/article-3/ /products/ /products/product-7/ /search/?query=lamp
    /api/v2/pages/ /api/v2/pages/5/ /rest/makers/
    /admin/ /admin/pages/ /admin/pages/4/ /admin/pages/5/edit/ /admin/images/ /admin/users/
    /admin/snippets/site/maker/ /admin/reports/site-history/
    /django-admin/ /django-admin/site/maker/
""".split()
LOGIN = "/admin/login/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def log_in(port):
    """The headers by which the site knows the editor from now on."""
    url, jar = "http://127.0.0.1:%d%s" % (port, LOGIN), CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(url) as page:
        token = TOKEN.search(page.read().decode())[1]
    # where it leads next costs no worker anything
    form = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/who"}
    opener.open(url, urllib.parse.urlencode(form).encode()).close()
    return {"Cookie": "; ".join("%s=%s" % (one.name, one.value) for one in jar)}
