"""Users, their secrets and the audit."""

from datetime import timedelta
from typing import Any

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError, NotInCatalogError

HOUR = timedelta(hours=1)


def admin(catalog: Catalog) -> int:
    with catalog.write() as s:
        user = writes.add_user(s, name="ann", role="admin", actor="setup")
        writes.add_link(s, user_id=user, token_sha256="l", expires_at=now() + HOUR, actor="setup")
        writes.use_link(s, token_sha256="l", password="hash")
    return user


def test_a_link_works_once_and_a_newer_one_ends_it(catalog: Catalog) -> None:
    user = admin(catalog)
    with catalog.read() as s:
        assert views.password_of(s, "ann") == (user, "hash")
        assert views.link_of(s, "l") is None
    with catalog.write() as s, pytest.raises(NotInCatalogError, match="has been used or has expired"):
        writes.use_link(s, token_sha256="l", password="other")
    with catalog.write() as s:
        writes.add_link(s, user_id=user, token_sha256="old", expires_at=now() + HOUR, actor="ann")
        writes.add_link(s, user_id=user, token_sha256="late", expires_at=now() - HOUR, actor="ann")
    with catalog.read() as s:
        assert [views.link_of(s, one) for one in ("old", "late")] == [None, None]


def test_sessions_end_by_age_by_idleness_and_by_hand(catalog: Catalog) -> None:
    user = admin(catalog)
    with catalog.write() as s:
        for token, left in (("a", HOUR), ("b", HOUR), ("gone", -HOUR)):
            writes.add_session(s, user_id=user, token_sha256=token, agent="x", expires_at=now() + left)
    with catalog.read() as s:
        assert views.session_of(s, "gone", idle=HOUR) is None
        assert views.session_of(s, "a", idle=timedelta(0)) is None
        known = views.session_of(s, "a", idle=HOUR)
        assert known is not None
        assert (known.name, known.role) == ("ann", "admin")
    with catalog.write() as s:
        assert writes.end_sessions(s, user_id=user, actor="ann", token_sha256="a") == 1
    with catalog.read() as s:
        assert views.session_of(s, "a", idle=HOUR) is None
        assert views.session_of(s, "b", idle=HOUR) is not None


def test_the_last_admin_stays_and_who_is_shut_out_is_logged_out(catalog: Catalog) -> None:
    user = admin(catalog)
    with catalog.write() as s:
        other = writes.add_user(s, name="bob", role="viewer", actor="ann")
        writes.add_session(s, user_id=other, token_sha256="b", agent="x", expires_at=now() + HOUR)
    for news in ({"role": "viewer"}, {"active": False}):
        with pytest.raises(CatalogError, match="last admin"), catalog.write() as s:
            writes.change_user(s, user, actor="ann", **news)  # type: ignore[arg-type]
    with catalog.write() as s:
        writes.change_user(s, other, actor="ann", active=False)
    with catalog.read() as s:
        assert views.session_of(s, "b", idle=HOUR) is None
        (row, *_) = views.audit_page(s, action="change user").rows
    assert (row.actor, row.entity_id) == ("ann", "bob")
    assert (row.before["active"], row.after["active"]) == (True, False)


def test_a_token_has_a_scope_and_an_end(catalog: Catalog) -> None:
    user = admin(catalog)
    with catalog.write() as s:
        for name, left in (("good", HOUR), ("late", -HOUR)):
            writes.add_token(
                s, user_id=user, token_sha256=name, name=name, scope="viewer", expires_at=now() + left, actor="ann"
            )
    with catalog.read() as s:
        found = views.token_of(s, "good")
        assert found is not None
        assert found[1] == "viewer"
        assert views.token_of(s, "late") is None
        ids = {one.name: one.id for one in views.tokens(s)}
    with catalog.write() as s:
        writes.revoke_token(s, ids["good"], actor="bob", user_id=user + 1)  # not bob's
        writes.revoke_token(s, ids["late"], actor="ann", user_id=user)
    with catalog.read() as s:
        assert [one.name for one in views.tokens(s, user)] == ["good"]


def test_logins_wait_longer_and_longer_after_five_failures(catalog: Catalog) -> None:
    keys = ["name:ann", "address:1"]
    waits = []
    for _ in range(9):
        with catalog.write() as s:
            writes.record_failure(s, keys)
        with catalog.read() as s:
            waits.append(writes.seconds_to_wait(s, ["name:ann"]))
    assert waits[:5] == [0.0] * 5
    assert 0 < waits[5] <= 1
    assert 2 < waits[7] <= 4 < waits[8] <= 8
    with catalog.write() as s:
        writes.forgive(s, keys)
        assert writes.seconds_to_wait(s, keys) == 0


def test_the_count_of_failures_decays_and_a_success_takes_back_ones_own_alone(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, others = ["address:1", "user:1@address:1"], ["address:1", "user:2@address:1"]
    with catalog.write() as s:
        for _ in range(4):
            writes.record_failure(s, others)
        writes.record_failure(s, mine)
        writes.forgive(s, mine)
        writes.record_failure(s, mine)  # the fifth from this address
        assert writes.admit(s, mine) == 0  # the sixth: it counts before the password is compared
        assert writes.admit(s, mine) > 0
        assert writes.admit(s, ["address:2", "user:1@address:2"]) == 0  # another address is another matter
    later = now() + timedelta(minutes=31)
    monkeypatch.setattr("storage.catalog.writes.people.throttles.now", lambda: later)
    with catalog.write() as s:
        writes.record_failure(s, mine)  # 6 // 4 + 1
        waits = []
        for _ in range(4):
            waits.append(writes.seconds_to_wait(s, mine))
            writes.record_failure(s, mine)
        assert waits == [0.0] * 4


def test_who_is_shut_out_loses_every_key_for_good(catalog: Catalog) -> None:
    user = admin(catalog)
    with catalog.write() as s:
        bob = writes.add_user(s, name="bob", role="operator", actor="ann")
        writes.add_session(s, user_id=bob, token_sha256="session", agent="x", expires_at=now() + HOUR)
        about = {"user_id": bob, "expires_at": now() + HOUR, "actor": "bob"}
        writes.add_token(s, token_sha256="token", name="t", scope="operator", **about)
        writes.add_link(s, user_id=bob, token_sha256="link", expires_at=now() + HOUR, actor="ann")
        writes.change_user(s, bob, actor="ann", active=False)
    with catalog.write() as s:
        with pytest.raises(CatalogError, match="disabled"):
            writes.add_link(s, user_id=bob, token_sha256="again", expires_at=now() + HOUR, actor="ann")
        with pytest.raises(CatalogError, match="disabled"):
            writes.add_session(s, user_id=bob, token_sha256="late", agent="x", expires_at=now() + HOUR)
        writes.change_user(s, bob, actor="ann", active=True)
    with catalog.read() as s:
        assert views.session_of(s, "session", idle=HOUR) is None
        assert views.token_of(s, "token") is None
        assert views.link_of(s, "link") is None
        (_, row, *_) = views.audit_page(s, action="change user").rows
    assert {name: row.after[name] for name in ("sessions", "tokens", "links")} == dict.fromkeys(
        ("sessions", "tokens", "links"), 1
    )
    assert user != bob


@pytest.mark.parametrize(
    ("begun", "roles", "scope"),
    [
        ("viewer", ["admin"], "viewer"),  # cut down when it is made
        ("operator", ["viewer", "operator"], "viewer"),  # a right that was taken does not come back by itself
        ("operator", ["reviewer"], "reviewer"),
        ("operator", ["admin"], "operator"),
    ],
)
def test_a_token_is_never_worth_more_than_its_owner_ever_was(
    catalog: Catalog, begun: Any, roles: list[Any], scope: str
) -> None:
    admin(catalog)
    with catalog.write() as s:
        bob = writes.add_user(s, name="bob", role=begun, actor="ann")
        wanted = "admin" if begun == "viewer" else begun
        expires = now() + HOUR
        writes.add_token(s, user_id=bob, token_sha256="t", name="t", scope=wanted, expires_at=expires, actor="bob")
        for role in roles:
            writes.change_user(s, bob, actor="ann", role=role)
    with catalog.read() as s:
        found = views.token_of(s, "t")
    assert found is not None
    assert found[1] == scope


@pytest.mark.parametrize("name", ["", " ann", "a\nb", "x" * 65, "ANN"])
def test_names_that_cannot_be(catalog: Catalog, name: str) -> None:
    admin(catalog)
    with pytest.raises(CatalogError, match=r"name "), catalog.write() as s:
        writes.add_user(s, name=name, role="viewer", actor="ann")
