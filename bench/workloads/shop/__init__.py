"""A real application that is large and loads lazily: pretix, a ticket shop, with SQLite and without anything else
that a shop in production has beside it (redis, celery, mail).

settings.py     pretix's own, and where its files are
content.py      fills its database, the same each time
app.py          what gunicorn serves
visits.py       what is asked of it, by an organizer who has logged in
warm.py         what a warm start does with it

BENCH_SHOP: a folder of its own, with its database.
"""

NAME, PASSWORD = "organizer@localhost", "correct-horse-7"
