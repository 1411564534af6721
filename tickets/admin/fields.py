"""How lists of words are typed: on one line, separated by commas."""

from django.contrib.postgres.fields import ArrayField
from unfold.widgets import UnfoldAdminTextInputWidget

LISTS_ON_ONE_LINE = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
