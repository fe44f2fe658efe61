"""Campaigns as their owners see them: store, load, list, pause, reset, delete.

Services: the session is passed in, and committed by the caller.
"""

from __future__ import annotations

from app.campaigns.access import (
    ID_MAX,
    NO_CAMPAIGN,
    find_deleted,
    find_newest_id,
    find_served,
    get_campaign,
    get_deadline_ms,
    get_deleted,
    get_readable,
)
from app.campaigns.changes import (
    delete_campaign,
    duplicate_campaign,
    erase_campaign,
    pause_campaign,
    reset_campaign,
    restore_campaign,
    resume_campaign,
)
from app.campaigns.edits import Edit, Edited, edit_campaign, find_edit_problems, make_marker, may_change_sources
from app.campaigns.kernel_errors import ErrorGroup, ExcerptLine, count_load_errors, find_excerpt, list_kernel_errors
from app.campaigns.overviews import Overview, State, get_overview, get_overviews, list_campaigns
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
    "Edit",
    "Edited",
    "ErrorGroup",
    "ExcerptLine",
    "ID_MAX",
    "NAME_MAX",
    "NO_CAMPAIGN",
    "Overview",
    "State",
    "Upload",
    "check_file",
    "count_load_errors",
    "check_upload",
    "create_campaign",
    "delete_campaign",
    "duplicate_campaign",
    "edit_campaign",
    "erase_campaign",
    "find_deleted",
    "find_edit_problems",
    "make_marker",
    "may_change_sources",
    "find_excerpt",
    "find_newest_id",
    "find_served",
    "get_campaign",
    "get_deadline_ms",
    "get_deleted",
    "get_overview",
    "get_readable",
    "get_overviews",
    "iter_listing_problems",
    "iter_problems",
    "list_campaigns",
    "list_kernel_errors",
    "pause_campaign",
    "reset_campaign",
    "restore_campaign",
    "resume_campaign",
]
