from bench.workloads import warming
from bench.workloads.shop import NAME, visits
from bench.workloads.shop.visits import API, CONTROL, EVENT

PAGES = [
    "/organizer/",
    EVENT,
    EVENT + "widget/product_list",
    API + "events/event-0/orders/",
    "/control/events/",
    "/control/organizer/organizer/",
    CONTROL,
    CONTROL + "settings/",
    CONTROL + "items/1/",
    CONTROL + "vouchers/",
    CONTROL + "orders/A0000/",
]


def start(pages):
    from bench.workloads.shop.app import application

    warming.warm(application, pages, email=NAME)


def warm():
    start(PAGES)


def every():
    start(visits.PAGES)
