"""Forms about a resource."""

from django.utils.translation import gettext_lazy as _

from portal.tenancy.share_forms import ShareForm

MAY = {
    "view_resource": _("See it"),
    "operate_resource": _("Start, stop and restart it"),
    "view_secret": _("Take and rotate its secret"),
}


class ResourceShareForm(ShareForm):
    """A share of a resource, of which one reads plainly what may be done."""

    words = MAY
