#!/usr/bin/env python3
"""Run a management command of Barge Portal: `python manage.py help` lists them."""

import os
import sys

from bargeportal.env import told_in_one_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    with told_in_one_line():
        settings.INSTALLED_APPS  # noqa: B018  read now: some commands of Django's would go on without settings
        execute_from_command_line(sys.argv)
