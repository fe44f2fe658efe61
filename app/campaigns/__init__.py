"""Campaigns as their owners see them: store, load, list, pause, reset, delete.

Services: the session is passed in, and committed by the caller.
"""

from __future__ import annotations

from app.campaigns.access import ID_MAX, NO_CAMPAIGN, find_newest_id, find_served, get_campaign, get_deadline_ms
from app.campaigns.changes import delete_campaign, pause_campaign, reset_campaign, resume_campaign
from app.campaigns.kernel_errors import ErrorGroup, ExcerptLine, find_excerpt, list_kernel_errors
from app.campaigns.overviews import Overview, State, get_overview, list_campaigns
from app.campaigns.uploads import (
    BENEFICIARY_MAX,
    DEADLINE_MAX_S,
    DEADLINE_MIN_S,
    DESCRIPTION_MAX,
    NAME_MAX,
    Upload,
    check_file,
    check_upload,
    create_campaign,
    iter_listing_problems,
    iter_problems,
)

__all__ = [
    "BENEFICIARY_MAX",
    "DEADLINE_MAX_S",
    "DEADLINE_MIN_S",
    "DESCRIPTION_MAX",
    "ErrorGroup",
    "ExcerptLine",
    "ID_MAX",
    "NAME_MAX",
    "NO_CAMPAIGN",
    "Overview",
    "State",
    "Upload",
    "check_file",
    "check_upload",
    "create_campaign",
    "delete_campaign",
    "find_excerpt",
    "find_newest_id",
    "find_served",
    "get_campaign",
    "get_deadline_ms",
    "get_overview",
    "iter_listing_problems",
    "iter_problems",
    "list_campaigns",
    "list_kernel_errors",
    "pause_campaign",
    "reset_campaign",
    "resume_campaign",
]
