from bench.workloads import warming
from bench.workloads.site import NAME, visits

PAGES = """
    / /articles/article-3/ /products/ /products/product-7/ /search/?query=lamp /api/v2/pages/ /rest/makers/
    /admin/ /admin/pages/4/ /admin/pages/5/edit/ /django-admin/site/maker/
""".split()


def start(pages):
    from bench.workloads.site.app import application

    warming.warm(application, pages, username=NAME)


def warm():
    start(PAGES)


def every():
    start(visits.PAGES)
