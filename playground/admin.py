"""Users and groups in the admin: Django's own pages, with plain fields in place of scripted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User

if TYPE_CHECKING:
    Users = UserAdmin[User]
else:
    Users = UserAdmin

APPS = ("auth", "sagas")

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PlainUserAdmin(Users):
    """Who may come in, and who may act."""

    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")

    def formfield_for_manytomany(self, db_field: Any, request: Any, **options: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **_offered(db_field), **options)


@admin.register(Group)
class PlainGroupAdmin(GroupAdmin):
    """Permissions under a name."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        options = {**_offered(db_field), **options}
        return super(GroupAdmin, self).formfield_for_manytomany(db_field, request, **options)


def _offered(db_field: Any) -> dict[str, Any]:
    """Return the permissions that mean something here: to look, to keep users, to act on a saga."""
    if db_field.name not in ("permissions", "user_permissions"):
        return {}
    permissions = Permission.objects.select_related("content_type").filter(content_type__app_label__in=APPS)
    return {"queryset": permissions.order_by("content_type__app_label", "codename")}
