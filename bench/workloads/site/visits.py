"""What is asked of the site, over HTTP, by an editor who has logged in."""

from bench.workloads import login
from bench.workloads.site import NAME, PASSWORD

PAGES = """
    / /articles/ /articles/article-3/ /products/ /products/product-7/ /search/?query=lamp
    /api/v2/pages/ /api/v2/pages/5/ /rest/makers/
    /admin/ /admin/pages/ /admin/pages/4/ /admin/pages/5/edit/ /admin/images/ /admin/users/
    /admin/snippets/site/maker/ /admin/reports/site-history/
    /django-admin/ /django-admin/site/maker/
""".split()
LOGIN = "/admin/login/"


def log_in(port):
    # where it leads next costs no worker anything
    return login.log_in(port, LOGIN, username=NAME, password=PASSWORD, next="/who")
