"""Makes the database in BENCH_SITE: the same each time. Most of the time goes to migrations of others.

usage: python -m bench.workloads.site.content
"""

import os
import random
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import django

from bench.workloads.catalogue import WORDS
from bench.workloads.site import NAME, PASSWORD

SEED = 5
MAKERS, ARTICLES, PRODUCTS = 60, 30, 60


def sentence(chance):
    return "%s %s." % (chance.choice(WORDS).title(), " ".join(chance.choices(WORDS, k=12)))


def paragraph(chance):
    return "<p>%s</p>" % " ".join(sentence(chance) for _ in range(5))


def day(chance):
    return date(2020, 1, 1) + timedelta(days=chance.randrange(2000))


def body(chance):
    return [
        ("heading", sentence(chance)),
        ("paragraph", paragraph(chance)),
        ("numbers", chance.sample(range(1000), 5)),
        ("quote", {"text": sentence(chance), "who": "Somebody"}),
        ("paragraph", paragraph(chance)),
    ]


def make_tables(folder):
    from django.core.management import call_command

    package = folder / "site_migrations"
    package.mkdir()
    (package / "__init__.py").touch()
    sys.path.append(str(folder))
    call_command("makemigrations", "site", verbosity=0)
    call_command("migrate", verbosity=0)


def add(parent, kind, title, **fields):
    page = kind(title=title, slug=title.lower().replace(" ", "-"), **fields)
    parent.add_child(instance=page)
    page.save_revision().publish()
    return page


def fill(chance):
    from django.contrib.auth import get_user_model
    from wagtail.models import Page, Site

    from bench.workloads.site import models

    get_user_model().objects.create_superuser(NAME, "editor@localhost", PASSWORD)
    Page.objects.get(depth=2).delete()  # Wagtail's welcome
    root = Page.objects.get(depth=1)
    home = add(root, models.HomePage, "Home", intro=paragraph(chance))
    Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
    makers = [
        models.Maker.objects.create(
            name="Maker %d" % number, city=chance.choice(WORDS).title(), since=day(chance)
        )
        for number in range(MAKERS)
    ]
    articles = add(home, models.ListPage, "Articles", intro=paragraph(chance))
    for number in range(ARTICLES):
        add(
            articles,
            models.ArticlePage,
            "Article %d" % number,
            date=day(chance),
            body=body(chance),
        )
    products = add(home, models.ListPage, "Products", intro=paragraph(chance))
    for number in range(PRODUCTS):
        add(
            products,
            models.ProductPage,
            "Product %d" % number,
            maker=chance.choice(makers),
            price=Decimal(chance.randrange(100, 100000)) / 100,
            text=paragraph(chance),
        )


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.workloads.site.settings"
    django.setup()
    from django.db import transaction

    make_tables(Path(os.environ["BENCH_SITE"]))
    with transaction.atomic():
        fill(random.Random(SEED))


if __name__ == "__main__":
    main()
