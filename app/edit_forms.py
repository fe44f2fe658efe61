"""The forms that change a campaign, bring one in, or copy one."""

from __future__ import annotations

from flask import request
from flask_wtf.file import FileField
from wtforms import Field, HiddenField, StringField

from app.campaigns import Edit, make_marker
from app.errors import InvalidInput
from app.forms import CampaignForm, Form, Tick, exact_text, line_ends_of
from app.models import Campaign

SOURCES = ("kernel", "static_dataset")
# A text area with more in it is slow in browsers, and sends all of it with every change.
TEXT_MAX_BYTES = 256 << 10


class KeptTick(Tick):
    """A checkbox that stays as it was where a request leaves it out altogether."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the last value, where there is one."""
        if valuelist:
            super().process_formdata(valuelist)


class EditForm(CampaignForm):
    """A campaign's fields less its generator. What a program leaves out stays as it is."""

    dataset_gen = None
    dataset_gen_text = None
    dataset_gen_line_ends = None
    listed = KeptTick("List it for volunteers who help anybody")
    results_public = KeptTick("Let everyone read its results")
    autostart = KeptTick("Let pages that embed it start without a click")
    sloppy = KeptTick("Run the kernel in sloppy mode")
    results = StringField("Results so far", default="keep")
    marker = HiddenField()
    then = HiddenField()

    @classmethod
    def of(cls, campaign: Campaign) -> EditForm:
        """Make the form of a campaign as it is, with what the request changes of it."""
        form = cls(data=_describe(campaign))
        form.campaign = campaign
        return form

    campaign: Campaign

    def wrong_fields(self) -> list[Field]:
        """Return the fields with errors, in the order of the page: it begins with the name."""
        return Form.wrong_fields(self)

    def chosen_files(self) -> list[str]:
        """Return the labels of the files that came along; browsers do not keep them when the page comes back."""
        return [self[name].label.text for name in SOURCES if self[name].data]

    def read_edit(self) -> Edit:
        """Return what was handed in; a source that cannot be read has an error."""
        return Edit(
            name=self.name.data or "",
            description=self.description.data or "",
            beneficiary=self.beneficiary.data or "",
            listed=self.listed.data,
            results_public=self.results_public.data,
            autostart=self.autostart.data,
            sloppy=self.sloppy.data,
            deadline_s=self._read_deadline(),
            kernel=self._read_changed("kernel"),
            static_dataset=self._read_changed("static_dataset"),
            keeps_results=self.results.data != "reset",
            resumes=self.then.data == "resume",
            marker=self.marker.data or None,
        )

    def _read_changed(self, name: str) -> bytes | None:
        """Return a source; None where it was left out, or is what the browser made of what it was given."""
        stored: bytes = getattr(self.campaign, name)
        text = request.form.get(f"{name}_text")
        is_as_given = text is None or exact_text(text) == _as_browsers_send(stored)
        if self[name].data:
            if text is not None and is_as_given:
                self[f"{name}_text"].data = ""  # the file takes the place of what the page had shown
            return self._read_source(name)
        if name in request.form:
            return self._read_source(name)  # refuses it
        return None if is_as_given else exact_text(text or "", self[f"{name}_line_ends"].data or "")


def fits_text_area(source: bytes) -> bool:
    """Say whether a source can be edited in a page and come back as it was."""
    return len(source) <= TEXT_MAX_BYTES and b"\0" not in source


def _as_browsers_send(source: bytes) -> bytes:
    return source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _describe(campaign: Campaign) -> dict[str, object]:
    texts = {name: getattr(campaign, name) for name in SOURCES}
    return {
        "name": campaign.name,
        "description": campaign.description,
        "beneficiary": campaign.beneficiary,
        "listed": campaign.listed,
        "results_public": campaign.results_public,
        "autostart": campaign.autostart,
        "sloppy": campaign.sloppy,
        "deadline_s": "" if campaign.deadline_ms is None else f"{campaign.deadline_ms / 1000:.15g}",
        "marker": make_marker(campaign),
        **{f"{name}_text": text.decode() for name, text in texts.items() if fits_text_area(text)},
        **{f"{name}_line_ends": line_ends_of(text) for name, text in texts.items()},
    }


class DuplicateForm(Form):
    """Names a copy."""

    name = StringField("Name of the copy")


class ImportForm(Form):
    """Brings a campaign in from a zip file."""

    file = FileField("Zip file")

    def read_file(self) -> bytes:
        """Return the file.

        Raises:
            InvalidInput: none came.
        """
        if not self.file.data:
            raise InvalidInput(
                "Choose a zip file: one that this site exported, or that you made of such a folder.", "file"
            )
        return bytes(self.file.data.read())
