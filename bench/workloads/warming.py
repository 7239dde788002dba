"""What a warm start does with an application of Django's, in the parent: `GCFREEZE_WARMUP=module:function` calls it.

The application is the one that the server has loaded, and everything goes the way of a request: what is loaded, compiled
and remembered on the way is what workers would load, compile and remember.
"""

import io
from importlib import import_module
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults


def new_session(user):
    """Who has it is logged in: no password is asked for."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest

    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, user, settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    return request.session


def ask(application, page, cookie):
    url = urlsplit(page)
    environ = {
        "HTTP_HOST": "localhost",  # one of ALLOWED_HOSTS
        "HTTP_COOKIE": cookie,
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    started = []
    response = application(environ, lambda *line: started.append(line))
    try:
        for _ in response:
            pass
    finally:
        response.close()
    ((status, _),) = started
    if not status.startswith("200 "):
        raise RuntimeError("%s was answered with %s" % (page, status))


def warm(application, pages, **editor):
    """`editor`: by which fields the user is found."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.db import connections

    try:
        session = new_session(get_user_model().objects.get(**editor))
        for page in pages:
            ask(application, page, "%s=%s" % (settings.SESSION_COOKIE_NAME, session.session_key))
        session.delete()
    finally:
        connections.close_all()  # a connection is not for several processes
