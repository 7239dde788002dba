# /srv/app/warm_celery.py: what tasks load when they are called first
from tasks import recommend, render


def tasks():
    recommend("nobody")  # a call, not delay(): it runs here, and no broker is asked
    render("invoice", order=None)
