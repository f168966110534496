"""Addresses of the pages, the API and the admin; what machines ask has its answers in `playground.machines`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from playground import gatekeeper
from playground.api import api
from playground.services.urls import urlpatterns as services
from playground.views import (
    act0,
    act1,
    act2,
    act3,
    act4,
    asks,
    beside,
    cards,
    embed,
    imports,
    lab,
    links,
    oembed,
    pages,
    run,
    styles,
    takeaways,
    thousand,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path("acts/0/", act0.page, name="act-0"),
    path("acts/1/", act1.page, name="act-1"),
    path("acts/2/", act2.page, name="act-2"),
    path("acts/2/bet/", act2.bet, name="act-2-bet"),
    path("acts/3/", act3.page, name="act-3"),
    path("acts/3/till/<str:run_id>/", act3.till, name="act-3-till"),
    path("acts/4/", act4.page, name="act-4"),
    path("acts/4/shelf/<str:run_id>/", act4.shelf, name="act-4-shelf"),
    path("acts/4/race/<str:lock>/<int:first>/", act4.race, name="act-4-race"),
    path("acts/4/map/<str:lock>/", act4.orders, name="act-4-map"),
    path("takeaways/", takeaways.page, name="takeaways"),
    path("takeaways/<slug:name>.zip", takeaways.download, name="takeaways-zip"),
    path("lab/", lab.page, name="lab"),
    path("lab/check/", lab.check, name="lab-check"),
    path("links/", links.make, name="link"),
    path("import/", imports.form, name="import"),
    path("import/<slug:import_id>/", imports.page, name="imported"),
    path("import/<slug:import_id>/scenes", imports.scenes, name="imported-scenes"),
    path("s/<slug:slug>/", links.follow, name="short"),
    path("s/<slug:slug>/card.png", cards.short, name="short-card"),
    path("lab/thousand/", thousand.page, name="lab-thousand"),
    path("lab/thousand/open/", thousand.open_run, name="lab-thousand-open"),
    path("runs/<str:run_id>/", run.page, name="run"),
    path("runs/<str:run_id>/panels/", run.panels, name="run-panels"),
    path("runs/<str:run_id>/fork", run.fork, name="run-fork"),
    path("runs/<str:run_id>/beside/<str:other_id>/", beside.page, name="run-beside"),
    path("runs/<str:run_id>/sagas/<str:saga_id>/retry", asks.retry, name="retry"),
    path("runs/<str:run_id>/embed/", embed.run, name="run-embed"),
    path("runs/<str:run_id>/card.png", cards.run, name="run-card"),
    path("lab/embed/", embed.lab, name="lab-embed"),
    path("lab/card.png", cards.lab, name="lab-card"),
    path("oembed", oembed.answer, name="oembed"),
    path("runs/<str:run_id>/ask/<slug:kind>", asks.ask, name="run-ask"),
    path("styles/<str:names>.<slug:version>.css", styles.sheet, name="styles"),
    path("api/", api.urls),
    path("services/", include(services)),
    path("admin/login/", gatekeeper.login),
    path("admin/", admin.site.urls),
]
