"""The API generations that the tests of states run on. These tests state guarantees, which all generations have."""

from __future__ import annotations

import pytest

from sandbox.generations import IGNITE_V2, LEGACY, Generation


# Two generations cover all endpoints: ignite_v1 has the indicators of legacy and the alerts of ignite_v2.
@pytest.fixture(params=[LEGACY, IGNITE_V2], ids=lambda generation: generation.api)
def generation(request: pytest.FixtureRequest) -> Generation:
    """The API generation that the runs read."""
    found: Generation = request.param
    return found
