"""Pages of four kinds, and a snippet that some of them name."""

from django.contrib import admin
from django.db import models
from wagtail import blocks
from wagtail.admin.panels import FieldPanel
from wagtail.api import APIField
from wagtail.fields import RichTextField, StreamField
from wagtail.models import Page
from wagtail.search import index
from wagtail.snippets.models import register_snippet


@register_snippet
class Maker(index.Indexed, models.Model):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=80)
    since = models.DateField()

    panels = [FieldPanel("name"), FieldPanel("city"), FieldPanel("since")]
    search_fields = [index.SearchField("name")]

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class HomePage(Page):
    intro = RichTextField(blank=True)

    content_panels = Page.content_panels + [FieldPanel("intro")]


class ListPage(Page):
    intro = RichTextField(blank=True)

    content_panels = Page.content_panels + [FieldPanel("intro")]

    def entries(self):
        return self.get_children().live().specific()[:50]


class ArticlePage(Page):
    date = models.DateField()
    body = StreamField(
        [
            ("heading", blocks.CharBlock()),
            ("paragraph", blocks.RichTextBlock()),
            ("numbers", blocks.ListBlock(blocks.IntegerBlock())),
            ("quote", blocks.StructBlock([("text", blocks.TextBlock()), ("who", blocks.CharBlock())])),
        ]
    )

    content_panels = Page.content_panels + [FieldPanel("date"), FieldPanel("body")]
    search_fields = Page.search_fields + [index.SearchField("body")]
    api_fields = [APIField("date"), APIField("body")]


class ProductPage(Page):
    maker = models.ForeignKey(Maker, on_delete=models.PROTECT, related_name="products")
    price = models.DecimalField(max_digits=8, decimal_places=2)
    text = RichTextField()

    content_panels = Page.content_panels + [FieldPanel("maker"), FieldPanel("price"), FieldPanel("text")]
    search_fields = Page.search_fields + [index.SearchField("text"), index.FilterField("price")]
    api_fields = [APIField("maker"), APIField("price")]


@admin.register(Maker)
class MakerAdmin(admin.ModelAdmin):
    list_display = ["name", "city", "since"]
    list_filter = ["city"]
    search_fields = ["name"]


@admin.register(ProductPage)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["title", "maker", "price"]
    list_select_related = ["maker"]
