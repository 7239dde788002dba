"""A real application: a Wagtail site with its editor, the admin, two REST interfaces, SQLite and sessions.

settings.py, models.py, urls.py    the site, as small as such a site is at its start
content.py                         fills its database, the same each time
app.py                             what gunicorn serves
visits.py                          what is asked of it, by somebody who has logged in

BENCH_SITE: a folder of its own, with its database.
"""

DATABASE = "db.sqlite3"
NAME = PASSWORD = "editor"
