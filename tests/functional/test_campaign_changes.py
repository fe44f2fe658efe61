"""What an owner does to a campaign: pause, resume, reset, delete; and what others cannot."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.database import Database
from app.models import Campaign, Progress, Schedule
from app.states import Generation, Intent
from tests import cast
from tests.functional.pages import insert, make, read, text, update_schedule


class TestChanges:
    def test_pausing_and_resuming(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, pause_reason="why")
        paused = alice.post(f"/campaign/{campaign_id}/pause")
        assert (paused.status_code, paused.location) == (303, f"/campaign/{campaign_id}")
        assert read(database, campaign_id, Schedule.intent) == (Intent.PAUSED,)
        assert alice.post(f"/campaign/{campaign_id}/resume").status_code == 303
        assert read(database, campaign_id, Schedule.intent, Schedule.pause_reason) == (Intent.RUNNING, None)

    def test_a_reset_asks_first_and_then_begins_a_new_run(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice)
        update_schedule(database, campaign_id, generation=Generation.DONE, generated=10, cursor=10)
        insert(
            database,
            Progress,
            campaign_id=campaign_id,
            run=1,
            process=1,
            value_count=9,
            compute_ms=90_000,
            result_bytes=2048,
        )
        asked = text(alice.get(f"/campaign/{campaign_id}/datasets/reset"))
        assert "9 results (2 KB) are deleted for good" in asked
        assert "10 datasets" in asked
        assert "1.5 minutes" in asked
        assert read(database, campaign_id, Schedule.run) == (1,)
        answer = alice.post(f"/campaign/{campaign_id}/datasets/reset")
        assert (answer.status_code, answer.location) == (303, f"/campaign/{campaign_id}")
        assert read(database, campaign_id, Schedule.run, Schedule.cursor) == (2, 0)
        status = alice.get(f"/campaign/{campaign_id}/status").json
        assert status is not None
        assert (status["run"], status["done"], status["generated"]) == (2, 0, 10)

    def test_a_deletion_asks_first_and_then_takes_it_out_of_sight(self, alice: cast.Person, database: Database) -> None:
        campaign_id = make(alice, name="To be deleted")
        update_schedule(database, campaign_id, generation=Generation.DONE, generated=1, generated_bytes=100)
        asked = text(alice.get(f"/campaign/{campaign_id}/delete"))
        assert "1 dataset (100 bytes)" in asked
        assert read(database, campaign_id, Campaign.deleted) == (False,)
        answer = alice.post(f"/campaign/{campaign_id}/delete")
        assert (answer.status_code, answer.location) == (303, "/campaign/all")
        assert read(database, campaign_id, Campaign.deleted, Schedule.deleted) == (True, True)
        assert "“To be deleted” is deleted. It can be restored for 30 days." in text(alice.get("/campaign/all"))
        assert "To be deleted" not in text(alice.get("/campaign/all"))

    PAGES = ("", "/status", "/delete", "/datasets/reset")
    POSTS = ("/pause", "/resume", "/delete", "/datasets/reset")

    def test_a_deleted_campaign_is_404_everywhere(self, alice: cast.Person) -> None:
        campaign_id = make(alice)
        assert alice.post(f"/campaign/{campaign_id}/delete").status_code == 303
        assert {alice.get(f"/campaign/{campaign_id}{path}").status_code for path in self.PAGES} == {404}
        assert {alice.post(f"/campaign/{campaign_id}{path}").status_code for path in self.POSTS} == {404}

    def test_a_stranger_gets_404_and_changes_nothing(
        self, alice: cast.Person, bob: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice, name="Private matter")
        for response in [
            *(bob.get(f"/campaign/{campaign_id}{path}") for path in self.PAGES),
            *(bob.post(f"/campaign/{campaign_id}{path}") for path in self.POSTS),
        ]:
            assert response.status_code == 404
            assert "Private matter" not in text(response)
        row = read(database, campaign_id, Campaign.deleted, Schedule.run, Schedule.intent)
        assert row == (False, 1, Intent.RUNNING)

    def test_somebody_not_signed_in_changes_nothing(
        self, client: FlaskClient, alice: cast.Person, database: Database
    ) -> None:
        campaign_id = make(alice)
        token = cast.csrf_token(client)
        for path in self.POSTS:
            response = client.post(f"/campaign/{campaign_id}{path}", data={"csrf_token": token})
            assert (response.status_code, response.location) == (303, "/signin")
        assert read(database, campaign_id, Campaign.deleted, Schedule.run) == (False, 1)

    @pytest.mark.parametrize("number", ["0", "99999", str(2**31), str(2**63), str(10**30)])
    def test_a_number_that_is_no_campaign_is_404(self, alice: cast.Person, number: str) -> None:
        assert alice.get(f"/campaign/{number}").status_code == 404
        assert alice.get(f"/campaign/new?from={number}").status_code == (404 if number != "0" else 200)
