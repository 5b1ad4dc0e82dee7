"""What every cloud that lends must hold. A provider's test class gives `adapter`, `ask` and says how a lease is used."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.clouds import base
from portal.clouds.leases import LeaseAsk, LeaseGiven


class LeaseContract:
    """Fixtures of a subclass: `adapter`, and `ask` for a target that is fit. `opens(given)` fails where it opens nothing."""

    opens: Any

    @pytest.fixture
    def given(self, adapter: Any, ask: LeaseAsk) -> LeaseGiven:
        found: LeaseGiven = adapter.lease(ask)
        return found

    def test_the_target_is_among_those_told(self, adapter: Any, ask: LeaseAsk) -> None:
        assert ask.target in {target.key for target in adapter.lease_targets().items if not target.problem}

    def test_what_is_lent_opens_the_cloud_and_ends_when_it_says(self, given: LeaseGiven, ask: LeaseAsk) -> None:
        self.opens(given)
        assert given.expires.utcoffset() is not None
        assert datetime.now(UTC) < given.expires <= ask.until + timedelta(seconds=1)

    def test_ended_twice_is_no_error(self, adapter: Any, given: LeaseGiven, ask: LeaseAsk) -> None:
        adapter.end_lease(given.id, ask.target)
        adapter.end_lease(given.id, ask.target)
        if adapter.revocable:
            with pytest.raises(Exception, match=r"."):
                self.opens(given)

    def test_one_whose_answer_never_came_is_ended_by_its_key(self, adapter: Any, given: LeaseGiven, ask: LeaseAsk) -> None:
        adapter.end_lease(ask.key, ask.target)
        adapter.end_lease(ask.key, ask.target)
        if adapter.revocable:
            with pytest.raises(Exception, match=r"."):
                self.opens(given)

    def test_a_key_that_nothing_was_lent_for_is_no_error(self, adapter: Any, ask: LeaseAsk) -> None:
        adapter.end_lease("0193f1a2b3c47d55a1b2c3d4e5f60718", ask.target)

    def test_a_target_that_is_not_there_is_not_found(self, adapter: Any, ask: LeaseAsk) -> None:
        with pytest.raises(base.CloudError) as caught:
            adapter.lease(replace(ask, target="no-such-thing"))
        assert (caught.value.kind, caught.value.retry) == ("not_found", False)

    def test_a_lease_that_has_ended_already_is_refused(self, adapter: Any, ask: LeaseAsk) -> None:
        with pytest.raises(base.CloudError) as caught:
            adapter.lease(replace(ask, until=datetime.now(UTC) - timedelta(seconds=1)))
        assert caught.value.kind == "refused"

    def test_no_secret_is_printed_written_or_logged(
        self, adapter: Any, ask: LeaseAsk, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            given = adapter.lease(ask)
        secrets = [given.profile, *(text for name, text in given.env.items() if "PASS" in name or "SECRET" in name)]
        assert len(secrets) > 1
        for secret in secrets:
            assert secret.reveal() not in repr(given) + json.dumps(base.plain(given)) + caplog.text

    def test_every_call_has_a_deadline(self, adapter: Any) -> None:
        for name in ("lease_targets", "lease", "end_lease"):
            assert 0 < getattr(type(adapter), name).__dict__["within_s"] <= 300
