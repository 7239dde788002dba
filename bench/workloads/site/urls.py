from django.contrib import admin
from django.shortcuts import render
from django.urls import include, path
from rest_framework import routers, serializers, viewsets
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.documents import urls as wagtaildocs_urls
from wagtail.models import Page

from bench.workloads.site.models import Maker


class MakerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Maker
        fields = ["id", "name", "city", "since", "products"]


class MakerViewSet(viewsets.ModelViewSet):
    queryset = Maker.objects.prefetch_related("products")
    serializer_class = MakerSerializer
    permission_classes = []


def search(request):
    words = request.GET.get("query", "")
    return render(
        request, "site/search.html", {"words": words, "found": Page.objects.live().search(words)[:20]}
    )


pages = WagtailAPIRouter("wagtailapi")
pages.register_endpoint("pages", PagesAPIViewSet)
rest = routers.DefaultRouter()
rest.register("makers", MakerViewSet)

urlpatterns = [
    path("api/v2/", pages.urls),
    path("rest/", include(rest.urls)),
    path("django-admin/", admin.site.urls),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("search/", search),
    path("", include(wagtail_urls)),
]
