"""Makes the database in BENCH_SHOP: the same each time.

Its tables are those of the models of today: the hundreds of migrations that lead there take minutes.

usage: python -m bench.workloads.shop.content
"""

import os
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import django

from bench.workloads.catalogue import WORDS
from bench.workloads.shop import NAME, PASSWORD

SEED = 7
EVENTS, CATEGORIES, ITEMS, ORDERS, VOUCHERS = 6, 3, 12, 40, 30
BEGIN = datetime(2090, 5, 1, 10, tzinfo=timezone.utc)  # pretix hides what is over


def sentence(chance):
    return "%s %s." % (chance.choice(WORDS).title(), " ".join(chance.choices(WORDS, k=12)))


def text(chance):
    return "\n\n".join(sentence(chance) for _ in range(4))


def make_tables():
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0)


def add_organizer():
    from pretix.base.models import Organizer, Team, User

    user = User.objects.create_superuser(NAME, PASSWORD)
    organizer = Organizer.objects.create(name="Organizer", slug="organizer")
    team = Team.objects.create(
        organizer=organizer,
        name="Everybody",
        all_events=True,
        all_event_permissions=True,
        all_organizer_permissions=True,
    )
    team.members.add(user)
    return organizer


def add_event(chance, organizer, number):
    from pretix.base.models import Event

    event = Event.objects.create(
        organizer=organizer,
        name=sentence(chance),
        slug="event-%d" % number,
        date_from=BEGIN + timedelta(days=number),
        currency="EUR",
        live=True,
        is_public=True,
        location="%s\n%s" % tuple(chance.sample(WORDS, 2)),
        plugins="pretix.plugins.banktransfer,pretix.plugins.ticketoutputpdf,pretix.plugins.checkinlists,"
        "pretix.plugins.statistics,pretix.plugins.sendmail,pretix.plugins.badges",
    )
    event.set_defaults()
    event.settings.payment_banktransfer__enabled = True
    event.settings.frontpage_text = text(chance)
    return event


def add_items(chance, event):
    tax = event.tax_rules.create(name="VAT", rate=Decimal("19.00"))
    found = []
    for number in range(CATEGORIES):
        category = event.categories.create(name=sentence(chance), position=number)
        for position in range(ITEMS // CATEGORIES):
            item = event.items.create(
                category=category,
                name=sentence(chance),
                description=text(chance),
                default_price=Decimal(chance.randrange(500, 20000)) / 100,
                tax_rule=tax,
                position=position,
                admission=True,
            )
            quota = event.quotas.create(name="Quota %d" % item.pk, size=chance.randrange(100, 1000))
            quota.items.add(item)
            for value in chance.sample(WORDS, 3) if not position else ():
                quota.variations.add(item.variations.create(value=value))
            found.append(item)
    question = event.questions.create(question=sentence(chance), type="S", required=False)
    question.items.add(*found[:3])
    event.checkin_lists.create(name="Doors", all_products=True)
    return found


def add_orders(chance, event, items):
    from pretix.base.models import Order, OrderPosition

    channel = event.organizer.sales_channels.get(identifier="web")
    for number in range(ORDERS):
        bought = [item for item in chance.sample(items, 3) if not item.variations.exists()]
        when = BEGIN - timedelta(days=1000, hours=number)
        order = Order.objects.create(
            code="A%04d" % number,
            event=event,
            organizer=event.organizer,
            email="%s@localhost" % chance.choice(WORDS),
            status=chance.choice([Order.STATUS_PAID, Order.STATUS_PENDING]),
            datetime=when,
            expires=BEGIN,
            total=sum(item.default_price for item in bought),
            sales_channel=channel,
            locale="en",
        )
        for item in bought:
            OrderPosition.objects.create(
                order=order,
                item=item,
                price=item.default_price,
                attendee_name_parts={"_scheme": "full", "full_name": chance.choice(WORDS).title()},
                secret="%032x" % chance.getrandbits(128),
            )
        order.payments.create(provider="banktransfer", amount=order.total, state="created")
        order.log_action("pretix.event.order.placed")


def fill(chance):
    from django_scopes import scopes_disabled

    with scopes_disabled():
        organizer = add_organizer()
        for number in range(EVENTS):
            event = add_event(chance, organizer, number)
            items = add_items(chance, event)
            if not number:
                add_orders(chance, event, items)
                for voucher in range(VOUCHERS):
                    event.vouchers.create(code="VOUCHER%04d" % voucher, item=chance.choice(items))


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.workloads.shop.settings"
    django.setup()
    from django.db import transaction

    make_tables()
    with transaction.atomic():
        fill(random.Random(SEED))


if __name__ == "__main__":
    main()
