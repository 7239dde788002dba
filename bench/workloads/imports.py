"""A Django project with the admin and 30 installed applications, and as many models of its own as
make it as large as it is wanted. What is read are all modules, with their functions and classes."""

import sys
import types

import django
from django.conf import settings

from bench.workloads.reading import look as look_at

MODELS_PER_MEGABYTE = 31  # calibrated with CPython 3.13 and Django 5.2
MODULES_MEGABYTES = 27  # what Django and the applications need by themselves

CONTRIB = """admin admindocs auth contenttypes flatpages humanize messages redirects sessions
    sitemaps sites staticfiles syndication"""
OTHERS = """axes corsheaders crispy_forms django_extensions django_filters django_tables2 guardian
    import_export mptt rest_framework rest_framework.authtoken reversion simple_history solo taggit
    waffle widget_tweaks"""
INSTALLED = ["django.contrib." + name for name in CONTRIB.split()] + OTHERS.split()

CONTEXT = ["template.context_processors.request", "contrib.auth.context_processors.auth"]
CONTEXT += ["contrib.messages.context_processors.messages"]
TEMPLATES = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django." + name for name in CONTEXT]},
}


def set_up():
    settings.configure(
        SECRET_KEY="a benchmark's",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=INSTALLED,
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[TEMPLATES],
        SITE_ID=1,
    )
    django.setup()


def add_models(count):
    """With their admin pages, as a project of that size has them."""
    from django.contrib import admin
    from django.db import models

    for number in range(count):
        members = {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "shop", "ordering": ["name"]}),
            "name": models.CharField(max_length=200, help_text="What number %d is called" % number),
            "price": models.DecimalField(max_digits=8, decimal_places=2),
            "made": models.DateTimeField(auto_now_add=True),
        }
        model = type("Thing%d" % number, (models.Model,), members)
        setattr(sys.modules[__name__], model.__name__, model)
        admin.site.register(model)


def build(megabytes):
    from django.contrib import admin
    from django.urls import path, resolve

    set_up()
    add_models(int(max(0, megabytes - MODULES_MEGABYTES) * MODELS_PER_MEGABYTE))
    sys.modules[__name__].urlpatterns = [path("admin/", admin.site.urls)]
    resolve("/admin/login/")
    return [module for module in list(sys.modules.values()) if isinstance(module, types.ModuleType)]


def look_at_code(function):
    code = function.__code__
    return look_at([code.co_consts, code.co_names, function.__defaults__])


def look(module):
    """Classes where they were made, so that each is read once."""
    seen = 0
    for value in list(vars(module).values()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            members = list(vars(value).values())
            seen += look_at(members)
            seen += sum(look_at_code(one) for one in members if isinstance(one, types.FunctionType))
        elif isinstance(value, types.FunctionType):
            seen += look_at_code(value)
        else:
            seen += look_at(value, depth=3)
    return seen
