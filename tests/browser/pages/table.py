"""Every page of the site, and who looks at it. A page that is in neither list fails test_table.py."""

from __future__ import annotations

import dataclasses

from tests.browser.pages.town import NEWCOMER, OWNER, VISITOR

KILOBYTE = 1024


@dataclasses.dataclass(frozen=True)
class Look:
    """One page as one person sees it.

    path: with the town's places filled in; "embed:" begins one at the compute origin.
    action: a CSS selector of what the page is for; the keyboard must reach it. "": there is nothing to do on it.
    sends: a form that is sent against its own advice: the page is what comes back.
    fields: what is written into that form before.
    kernel: what is typed into the code editor, and marked there before anybody looks.
    budget_bytes: all that the page loads, gzipped.
    """

    name: str
    path: str
    who: str = VISITOR
    action: str = ""
    status: int = 200
    sends: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    kernel: str = ""
    budget_bytes: int = 100 * KILOBYTE


EDITOR_BYTES = 250 * KILOBYTE
SLIP = "({\n  main(dataset) {\n    if (dataset.from > 0) {\n      return dataset.from;\n  },\n})\n"
LOOKS = [
    Look("home", "/", action="main a.button.primary"),
    Look("home-signed-in", "/", OWNER, "main a.button.primary"),
    Look("how-it-works", "/how_it_works", action=".site-header a"),
    Look("sign-up", "/signup", action="main button:not([hidden])"),
    Look("sign-in", "/signin", action="main button"),
    Look("contribute-list", "/contribute", action="main a"),
    Look("contribute-list-empty", "/contribute?before=1", action="main a"),
    Look("send-reset", "/send_reset_password", action="main button"),
    Look("reset", "/reset_password?token={reset}", action="main button.primary"),
    Look("reset-gone", "/reset_password?token=old", action="main a", status=404),
    Look("verify", "/verify_email?token={confirmation}", NEWCOMER, "main button"),
    Look("verify-gone", "/verify_email?token=old", action="main a", status=404),
    Look("account", "/account", OWNER, "main button"),
    Look("account-unconfirmed", "/account", NEWCOMER, "main button"),
    Look("sessions", "/account/sessions", OWNER, "main button"),
    Look("providers", "/account/providers", OWNER, "main button"),
    Look("providers-none", "/account/providers", NEWCOMER, "main button"),
    Look("confirm", "/confirm/github", OWNER, "main button"),
    Look("change-email", "/change_email", OWNER, "main button.primary"),
    Look("change-password", "/change_password", OWNER, "main button.primary"),
    Look("delete-account", "/delete_account", OWNER, "main button"),
    Look("sign-in-wrong", "/signin", VISITOR, "main button.primary", 422, "form[action='/signin']",
         (("email", "olive@example.org"), ("password", "not hers"))),
    Look("sign-up-wrong", "/signup", VISITOR, "main button.primary", 422, "form[action='/signup']",
         (("first_name", "Pat"), ("email", "pat at example"), ("password", "password1"))),
    Look("change-password-wrong", "/change_password", OWNER, "main button.primary", 422, "main form",
         (("current_password", "not hers"), ("password", "short"))),
    Look("campaign-import-wrong", "/campaign/import", OWNER, "main button", 422, "main form"),
    Look("new-campaign-slip", "/campaign/new?template=map", NEWCOMER, "form.campaign-form button.primary",
         budget_bytes=EDITOR_BYTES, kernel=SLIP),
    Look("new-campaign-wrong", "/campaign/new", OWNER, "form.campaign-form button.primary", 422,
         "form.campaign-form", budget_bytes=EDITOR_BYTES),
    Look("docs", "/docs/", action="main a"),
    Look("docs-tutorial", "/docs/tutorial", OWNER, ".contents a"),
    Look("docs-kernel-api", "/docs/kernel-api", action=".code button"),
    Look("docs-operations", "/docs/operations", action=".contents a"),
    Look("docs-decision", "/docs/decisions/0005-the-hot-path", action=".shelves a"),
    Look("docs-missing", "/docs/no-such-document", action="main a[href='/docs/']", status=404),
    Look("benchmarks", "/benchmarks", action="main a"),
    Look("contribute", "/contribute/{running}", action="iframe.embed"),
    Look("contribute-any", "/contribute/any", action="iframe.embed"),
    Look("campaigns", "/campaign/all", OWNER, "main a[href='/campaign/new']"),
    Look("campaigns-empty", "/campaign/all", NEWCOMER, "main a[href^='/campaign/new']"),
    Look("new-campaign", "/campaign/new", OWNER, "form.campaign-form button.primary", budget_bytes=EDITOR_BYTES),
    Look("new-from-example", "/campaign/new?example=primes", NEWCOMER, "form.campaign-form button.primary",
         budget_bytes=EDITOR_BYTES),
    Look("campaign-running", "/campaign/{running}", OWNER, "#live button"),
    Look("campaign-finished", "/campaign/{finished}", OWNER, "#to-results"),
    Look("campaign-failed", "/campaign/{failed}", OWNER, "main a"),
    Look("campaign-paused", "/campaign/{paused}", OWNER, "#live button"),
    Look("sharing", "/campaign/{running}/embed", OWNER, "#preview"),
    Look("sharing-with-everything", "/campaign/{finished}/embed?size=wide&theme=dark&autostart=1", OWNER, "#preview"),
    Look("campaign-edit", "/campaign/{paused}/edit", OWNER, "#save-resume", budget_bytes=EDITOR_BYTES),
    Look("campaign-edit-running", "/campaign/{running}/edit", OWNER, "#save", budget_bytes=EDITOR_BYTES),
    Look("campaign-duplicate", "/campaign/{finished}/duplicate", OWNER, "main button"),
    Look("campaign-import", "/campaign/import", OWNER, "main button"),
    Look("campaign-erase", "/campaign/{deleted}/erase", OWNER, "main button.danger"),
    Look("campaigns-deleted", "/campaign/deleted", OWNER, "main button"),
    Look("campaigns-deleted-none", "/campaign/deleted", NEWCOMER, "main a"),
    Look("usage", "/account/usage", OWNER, "main table a"),
    Look("campaign-reset", "/campaign/{finished}/datasets/reset", OWNER, "main button.danger"),
    Look("campaign-delete", "/campaign/{finished}/delete", OWNER, "main button.danger"),
    Look("execute", "/campaign/{finished}/execute", OWNER, "main button"),
    Look("results", "/campaign/{finished}/results", OWNER, "main a[href*='/results/']"),
    Look("results-empty", "/campaign/{paused}/results", OWNER, "main a"),
    Look("result", "/campaign/{finished}/results/0", OWNER, "main a"),
    Look("result-failed", "/campaign/{finished}/results/7", OWNER, "main a"),
    Look("results-public", "/campaign/{running}/results", action="main a.button"),
    Look("result-public", "/campaign/{running}/results/2", action="main a"),
    Look("failed-datasets", "/campaign/{finished}/failed", OWNER, "main button"),
    Look("not-found", "/no/such/page", action="main a", status=404),
    Look("someone-elses", "/campaign/{finished}", NEWCOMER, "main a", status=404),
    Look("embed", "embed:/embed/{running}", action="button"),
    Look("embed-wide-dark", "embed:/embed/{running}?size=wide&theme=dark", action="button"),
    Look("embed-any", "embed:/embed/any", action="button"),
    Look("embed-lost", "embed:/no/such/page", action="a", status=404),
    Look("embed-gone", "embed:/embed/{deleted}", action="a", status=404),
]  # fmt: skip

# GET endpoints that show no page, and why.
NOT_PAGES = {
    "static": "files",
    "documents.show_image": "files",
    "health.show_health": "for load balancers, JSON",
    "users.make_challenge": "for the captcha's script, JSON",
    "badges.show_svg": "a picture",
    "badges.show_json": "for programs, JSON",
    "changes.export": "a download",
    "campaigns.show_status": "for the campaign page's script, JSON",
    "execute.show_task": "for the harness, JSON",
    "execute.show_dataset": "for the harness, JSON",
    "editor.show_preview": "for the editor's script, JSON",
    "providers.finish": "the way back from a provider: leads on",
    "results.download_dataset": "a download",
    "results.download_dataset_json": "a download",
    "results.download_result": "a download",
    "results.download_result_json": "a download",
    "results.download_msgpack": "a download",
    "results.download_json_lines": "a download",
    "results.download_csv": "a download",
    "embed.show_inner": "the sandboxed frame: seen within the pages that hold it",
    "serve": "the volunteers' socket",
}
