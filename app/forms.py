"""The forms of the site: what they hold, and how their errors come back next to their fields.

The rules live in the services, which raise InvalidInput with a field's name; a form only carries values in and errors
out. Its CSRF token is checked for every request by the security module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, EmailField, Field, HiddenField, PasswordField, StringField, TextAreaField

from app import security
from app.campaigns import Upload
from app.errors import InvalidInput

SOURCES = ("kernel", "static_dataset", "dataset_gen")
ON_THE_PAGE = ("kernel", "dataset_gen", "static_dataset")  # and then the other fields
CRLF = "crlf"
SECONDS = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


class Form(FlaskForm):  # type: ignore[misc]
    """A form whose errors come from the services."""

    def add_problem(self, problem: InvalidInput) -> None:
        """Show a problem next to its field, or above the form when it names none that this form has."""
        field = self._fields.get(problem.field)
        if field is None:
            self.form_errors.append(problem.message)
        else:
            field.errors = [*field.errors, problem.message]

    def add_problems(self, problems: Iterable[InvalidInput]) -> None:
        """Show several."""
        for problem in problems:
            self.add_problem(problem)

    def wrong_fields(self) -> list[Field]:
        """Return the fields with errors, in the order of the page."""
        return [field for field in self if field.errors]

    def is_first_wrong(self, field: Field) -> bool:
        """Say whether this is the field that gets the focus when the page comes back."""
        return next((wrong is field for wrong in self.wrong_fields()), False)

    def anchor(self, field: Field) -> str:
        """Return the id of the control that somebody uses to mend this field."""
        return str(field.id)

    def first_problem(self) -> InvalidInput:
        """Return the first error as a program gets it."""
        if self.form_errors:
            return InvalidInput(self.form_errors[0])
        field = self.wrong_fields()[0]
        return InvalidInput(field.errors[0], field.name)


def show(template: str, form: Form, **context: object) -> ResponseReturnValue:
    """Answer with the page of a form: 200 when it is new, 422 when it has errors; a program gets the first as JSON."""
    if form.errors and security.wants_json():
        raise form.first_problem()
    return render_template(template, form=form, **context), 422 if form.errors else 200


class SignUpForm(Form):
    """Makes an account."""

    first_name = StringField("First name")
    last_name = StringField("Last name")
    email = EmailField("E-mail address")
    password = PasswordField("Password")
    altcha = HiddenField("Proof of work")


class SignInForm(Form):
    """Opens a session."""

    email = EmailField("E-mail address")
    password = PasswordField("Password")
    next = HiddenField()


class SendResetForm(Form):
    """Asks for a mail with a link to choose a new password."""

    email = EmailField("E-mail address")


class ResetPasswordForm(Form):
    """Chooses a new password by such a link."""

    password = PasswordField("New password")


class NameForm(Form):
    """Renames somebody."""

    first_name = StringField("First name")
    last_name = StringField("Last name")


class ChangePasswordForm(Form):
    """Takes a new password from somebody signed in."""

    current_password = PasswordField("Current password")
    password = PasswordField("New password")


class ChangeEmailForm(Form):
    """Takes another e-mail address from somebody signed in."""

    current_password = PasswordField("Your password")
    email = EmailField("New e-mail address")


class ConfirmForm(Form):
    """Asks somebody signed in for the password again."""

    current_password = PasswordField("Your password")


class Tick(BooleanField):  # type: ignore[misc]
    """A checkbox with a hidden "off" before it: a request that leaves it out altogether gets the default."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the last value: the box itself, when it is ticked."""
        self.data = valuelist[-1].lower() not in ("", "0", "false", "off", "no") if valuelist else bool(self.default)


class CampaignForm(Form):
    """A new campaign: each of its three sources comes as a file or as pasted text."""

    name = StringField("Name")
    description = TextAreaField("Description")
    beneficiary = StringField("For whom")
    kernel = FileField("Kernel")
    kernel_text = TextAreaField("Kernel as text")
    static_dataset = FileField("Static dataset")
    static_dataset_text = TextAreaField("Static dataset as text")
    dataset_gen = FileField("Dataset generator")
    dataset_gen_text = TextAreaField("Dataset generator as text")
    kernel_line_ends = HiddenField()
    static_dataset_line_ends = HiddenField()
    dataset_gen_line_ends = HiddenField()
    listed = Tick("List it for volunteers who help anybody", default=False)
    autostart = Tick("Let pages that embed it start without a click", default=False)
    sloppy = Tick("Run the kernel in sloppy mode", default=False)
    deadline_s = StringField("Time limit for one dataset, in seconds")

    def wrong_fields(self) -> list[Field]:
        """Return the fields with errors, in the order of the page: its sources come first."""
        return sorted(super().wrong_fields(), key=lambda field: _find_place(field.name))

    def anchor(self, field: Field) -> str:
        """Return the id of the text area for a source, whose file control cannot be filled in by us."""
        return f"{field.id}_text" if field.name in SOURCES else str(field.id)

    def chosen_files(self) -> list[str]:
        """Return the labels of the files that came along; browsers do not keep them when the page comes back."""
        return [self[name].label.text for name in SOURCES if self[name].data]

    def read_upload(self) -> Upload:
        """Return what was handed in. A source that came twice, or in an unreadable way, is empty and has an error."""
        sources = {name: self._read_source(name) for name in SOURCES}
        return Upload(
            name=self.name.data or "",
            description=self.description.data or "",
            beneficiary=self.beneficiary.data or "",
            listed=self.listed.data,
            autostart=self.autostart.data,
            sloppy=self.sloppy.data,
            deadline_s=self._read_deadline(),
            **sources,
        )

    def _read_deadline(self) -> float | None:
        text = (self.deadline_s.data or "").strip()
        if not text:
            return None
        if not SECONDS.fullmatch(text):
            self._refuse(
                "deadline_s", "Give the time limit as a number of seconds, such as 60 or 2.5, or leave it empty."
            )
            return None
        return float(text)

    def _read_source(self, name: str) -> bytes:
        file, text = self[name].data, self[f"{name}_text"].data or ""
        title = self[name].label.text.lower()
        if name in request.form:
            self._refuse(name, f"The {title} came as plain text: send it as a file, or name the field {name}_text.")
        elif file and text.strip():
            self._refuse(
                name, f"The {title} came twice, as a file and as text. Keep one: empty the text, or choose no file."
            )
        elif file:
            return bytes(file.read())
        return exact_text(text, self[f"{name}_line_ends"].data or "")

    def _refuse(self, name: str, message: str) -> None:
        self.add_problem(InvalidInput(message, name))


class OriginsForm(Form):
    """The sites that may embed a campaign."""

    origins = TextAreaField("Sites that may embed it, one on a line")


def _find_place(name: str) -> int:
    return ON_THE_PAGE.index(name) if name in ON_THE_PAGE else len(ON_THE_PAGE)


def exact_text(text: str, line_ends: str = "") -> bytes:
    """Return the bytes of pasted text with its line ends as they were typed, or, for CRLF, as the file's were."""
    # Browsers send every line end of a text area as CRLF, whatever was pasted.
    return text.encode() if line_ends == CRLF else text.replace("\r\n", "\n").encode()


def line_ends_of(source: bytes) -> str:
    """Return what an editor keeps of a source beside its text: CRLF where most of its lines end so, else nothing."""
    crlf = source.count(b"\r\n")
    others = source.count(b"\n") + source.count(b"\r") - 2 * crlf
    return CRLF if crlf > others else ""
