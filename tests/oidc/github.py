"""A small site that speaks GitHub's OAuth and the two addresses of its API that a sign-in needs.

`python -m tests.oidc.github PORT`. It checks what GitHub checks: the client, its secret, the code's single use, and the
code verifier. Whoever calls themselves LOGIN is user number len(LOGIN); "unverified" has no verified address.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, request
from flask.typing import ResponseReturnValue

CLIENT = {"client_id": "manyhands", "client_secret": "a secret of the tests"}
app = Flask(__name__)
_codes: dict[str, dict[str, str]] = {}
_tokens: dict[str, str] = {}
_asked: list[str] = []  # the codes that tokens were asked for


@app.get("/login/oauth/authorize")
def ask() -> ResponseReturnValue:
    """Show a form that asks for a login, as GitHub's asks for login and password."""
    hidden = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in request.args.items())
    return f'<form method="post">{hidden}<input name="login"><button>Authorize</button></form>'


@app.post("/login/oauth/authorize")
def authorize() -> ResponseReturnValue:
    """Send the browser back with a code."""
    code = secrets.token_hex(10)
    _codes[code] = request.form.to_dict()
    return redirect(f"{request.form['redirect_uri']}?{urlencode({'code': code, 'state': request.form['state']})}")


@app.post("/login/oauth/access_token")
def give_token() -> ResponseReturnValue:
    """Take a code, once. GitHub says what is wrong with status 200."""
    _asked.append(request.form["code"])
    asked = _codes.pop(request.form["code"], None)
    digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != request.form["redirect_uri"]:
        return jsonify(error="bad_verification_code", error_description="The code is incorrect or expired.")
    if {name: request.form[name] for name in CLIENT} != CLIENT:
        return jsonify(error="incorrect_client_credentials")
    token = secrets.token_hex(20)
    _tokens[token] = asked["login"]
    return jsonify(access_token=token, token_type="bearer", scope=asked["scope"].replace(" ", ","))


@app.get("/_asked")
def list_asked() -> ResponseReturnValue:
    """Say which codes tokens were asked for, for the tests."""
    return jsonify(_asked)


@app.get("/api/v3/user")
def show_user() -> ResponseReturnValue:
    """Say who the token's user is."""
    login = _tokens[request.headers["Authorization"].removeprefix("Bearer ")]
    return jsonify(id=len(login), login=login, name=None if login == "nameless" else "Gita van Hub", email=None)


@app.get("/api/v3/user/emails")
def show_emails() -> ResponseReturnValue:
    """Say which addresses the token's user has, as GitHub does: several, of which one is the primary one."""
    login = _tokens[request.headers["Authorization"].removeprefix("Bearer ")]
    return jsonify(
        [
            {"email": "alice@example.org", "primary": False, "verified": True},
            {"email": f"{login}@example.org", "primary": True, "verified": login != "unverified"},
        ]
    )


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]))
