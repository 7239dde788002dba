# /srv/app/warm_django.py: pages that only a user who is logged in may see
from contextlib import closing
from importlib import import_module
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.contrib import auth

from shop.wsgi import application

HOST = "shop.example.com"  # one of ALLOWED_HOSTS
PAGES = ["/account/", "/account/orders/"]
USER = "warmup"  # a user of yours who may look at pages and do nothing else


def pages():
    user = auth.get_user_model().objects.get(username=USER)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.set_expiry(60)  # seconds, if the process ends before delete()
    session.save()
    try:
        for page in PAGES:
            ask(page, session.session_key)
    finally:
        session.delete()


def ask(page, key):
    environ = {"PATH_INFO": page, "HTTP_HOST": HOST, "wsgi.url_scheme": "https"}
    environ["HTTP_COOKIE"] = "%s=%s" % (settings.SESSION_COOKIE_NAME, key)
    setup_testing_defaults(environ)
    statuses = []
    with closing(application(environ, lambda status, headers: statuses.append(status))) as body:
        for _ in body:
            pass
    if not statuses[0].startswith("200"):
        raise RuntimeError("%s answered %s" % (page, statuses[0]))  # a line in the log
