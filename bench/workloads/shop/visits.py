"""What is asked of the shop, over HTTP, by an organizer who has logged in."""

from bench.workloads import login
from bench.workloads.shop import NAME, PASSWORD

EVENT = "/organizer/event-0/"
CONTROL = "/control/event" + EVENT
API = "/api/v1/organizers/organizer/"
PAGES = [
    "/organizer/",
    EVENT,
    EVENT + "redeem?voucher=VOUCHER0000",
    EVENT + "resend/",
    EVENT + "ical/",
    EVENT + "widget/product_list",
    API + "events/",
    API + "events/event-0/items/",
    API + "events/event-0/orders/",
    "/control/",
    "/control/events/",
    "/control/organizer/organizer/",
    "/control/organizer/organizer/teams",
    CONTROL,
    CONTROL + "settings/",
    CONTROL + "settings/payment",
    CONTROL + "items/",
    CONTROL + "items/1/",
    CONTROL + "quotas/",
    CONTROL + "questions/",
    CONTROL + "vouchers/",
    CONTROL + "orders/",
    CONTROL + "orders/A0000/",
    CONTROL + "orders/overview/",
    CONTROL + "checkinlists/",
]
# where it leads next costs no worker anything
LOGIN = "/control/login?next=/who"


def log_in(port):
    return login.log_in(port, LOGIN, email=NAME, password=PASSWORD)
