"""A real application of Django's as gunicorn serves it, and what a measurement needs beside it:

    /collect      a full garbage collection
    /who          nothing

A request is answered once its body is there: the client holds it back until every worker has a
request. Every answer carries the pid of the worker.
"""

import gc
import os

from bench.workloads import hooks

BESIDE = {"/collect": gc.collect, "/who": os.getpid}


def beside(route, start_response):
    body = b"%d" % route()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def load(settings):
    hooks.install()
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    from django.core.wsgi import get_wsgi_application

    django = get_wsgi_application()

    def application(environ, start_response):
        def start(status, headers, *error):
            return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *error)

        if environ["REQUEST_METHOD"] == "GET":
            environ["wsgi.input"].read()
        route = BESIDE.get(environ["PATH_INFO"])
        return beside(route, start) if route else django(environ, start)

    return application
