"""What the form of a catalog run sends to Prefect."""

from collections.abc import Callable, Iterator

import pytest

from flows.spec.model import Spec
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.orders import Orders, orders

ORDER = {"deployment": "catalog/catalog", "as": "form", "name": "trip", "subject": "1", "seeds": "1-2"}
ORDER |= {"prompts": "a {style} of a {subject} in the snow", "profile": "pocket"}


@pytest.fixture
def taken() -> Iterator[Orders]:
    """A server that takes orders."""
    with orders() as taken:
        yield taken


def test_a_run_is_ordered_with_everything_that_its_spec_and_its_flow_can_say(
    taken: Orders, start: Callable[..., Site]
) -> None:
    site = start(prefect_api=taken.api)
    more = {"p.spec.masker": "birefnet", "p.spec.estimators.pose": "dwpose", "p.spec.estimators.depth": ""}
    more |= {"p.new_weights": "1", "p.spec.poses": "null\ns3://poses/wave.png", "p.spec.sampling": '{"steps": 7}'}
    with site.client("operator") as client:
        page = client.get("/flows").text
        assert all(f'name="{field}"' in page for field in more)
        assert "<option selected>pocket" in page
        for sent in (ORDER, ORDER | more):
            assert client.post("/flows/run", data=sent).status_code == 303
        wrong = client.post("/flows/run", data=ORDER | {"p.spec.sampling": "steps: 7"})
    assert (wrong.status_code, "Sampling: &#39;steps: 7&#39; is not JSON" in wrong.text) == (400, True)
    (_, plain), (_, full) = taken.taken
    assert (plain["new_weights"], full["new_weights"], full["new_defaults"]) == (False, True, False)
    assert Spec.model_validate(plain["spec"]) == Spec(
        name="trip", subjects=[{"name": "pip"}], prompts=["a {style} of a {subject} in the snow"], seeds=[1, 2]
    )
    eyes = {"masker": "birefnet", "estimators": {"pose": "dwpose"}}
    assert full["spec"] == plain["spec"] | eyes | {"poses": [None, "s3://poses/wave.png"], "sampling": {"steps": 7}}
    assert Spec.model_validate(full["spec"]).masker == "birefnet"
