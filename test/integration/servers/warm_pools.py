"""WSGI applications that ask by libraries which keep their connections: Django, SQLAlchemy, redis-py.

POOL says which, and WHILE_LOADING whether one is opened before anybody asks for a page.
"""

import os
import weakref

from warm_postgres import answering, ask_many, load, sockets, state

DATABASE = os.environ["DATABASE"]  # a path is redis'
WORDS = dict(word.split("=") for word in DATABASE.split() if "=" in word)


class Lazy:
    """Like Django's: whoever asks for its class loads it."""

    @property
    def __class__(self):
        raise RuntimeError("it is too early")


# what a heap has in it, too
LAZY, DEAD = Lazy(), weakref.proxy(Lazy())


def name():
    return "warm-%d" % os.getpid()


def with_django(**settings_of_database):
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": WORDS["host"],
                "PORT": WORDS["port"],
                "USER": WORDS["user"],
                "NAME": WORDS["dbname"],
                **settings_of_database,
            }
        },
    )
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.db.backends.signals import connection_created
    from django.http import JsonResponse
    from django.urls import path

    def ask(question, *arguments):
        with connection.cursor() as cursor:
            cursor.execute(question, arguments)
            return cursor.fetchone()[0]

    def named(connection, **_):
        with connection.cursor() as cursor:
            cursor.execute("SET application_name = '%s'" % name())

    connection_created.connect(named, weak=False)

    def numbers():
        ask_many(lambda text: ask("SELECT %s::text", text))
        return {"backend": ask("SELECT pg_backend_pid()")}

    def view(page):
        return lambda request: JsonResponse({**state(), **(page() or {})})

    global urlpatterns
    pages = {"load": load, "numbers": numbers, "sockets": sockets}
    urlpatterns = [path(name, view(page)) for name, page in pages.items()]
    return get_wsgi_application(), numbers


def with_sqlalchemy():
    from sqlalchemy import create_engine, event, text
    from sqlalchemy.pool import StaticPool

    engine = create_engine("postgresql+psycopg://", connect_args=WORDS)
    memories = [
        create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        for url in ("sqlite://", "sqlite:///file:kept?mode=memory&uri=true", "sqlite:///file::memory:?uri=true")
    ]
    for memory in memories:
        with memory.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 42 AS answer"))

    @event.listens_for(engine, "connect")
    def named(connection, _):
        connection.execute("SET application_name = '%s'" % name())
        connection.commit()

    def numbers():
        with engine.connect() as connection:
            ask_many(lambda number: connection.execute(text("SELECT cast(:number AS text)"), {"number": number}).scalar())
            return {"backend": connection.execute(text("SELECT pg_backend_pid()")).scalar()}

    def remember():
        found = []
        for memory in memories:
            with memory.connect() as connection:
                found.append(connection.execute(text("SELECT answer FROM kept")).scalar())
        return {"remembered": found}

    pages = {"/load": load, "/numbers": numbers, "/sockets": sockets, "/remember": remember}
    return answering(pages), numbers


def with_redis():
    import redis

    client = redis.Redis(unix_socket_path=DATABASE, decode_responses=True)

    def numbers():
        client.client_setname(name())
        ask_many(client.echo)
        return {"backend": client.client_id()}

    return answering({"/load": load, "/numbers": numbers, "/sockets": sockets}), numbers


POOLS = {
    "django": lambda: with_django(CONN_MAX_AGE=None),  # it stays open behind a request
    "django-pool": lambda: with_django(OPTIONS={"pool": {"min_size": 1, "max_size": 1}}),
    "sqlalchemy": with_sqlalchemy,
    "redis": with_redis,
}
application, first = POOLS[os.environ["POOL"]]()
if os.environ["WHILE_LOADING"] == "1":
    first()
