"""gunicorn's configuration for those who freeze by hand, as gc.freeze()'s documentation says."""

import gc

gc.disable()


def pre_fork(server, worker):
    gc.freeze()


def post_fork(server, worker):
    gc.enable()
