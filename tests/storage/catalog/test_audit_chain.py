"""The audit is a chain: what is changed, removed or put in is named; what is forgotten may go."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.catalog import Catalog, migrate, views, writes
from storage.catalog.audit_chain import START
from storage.catalog.database.engine import catalog_url, make_engine, writing
from storage.catalog.views import AuditHead, ChainReport
from storage.catalog.writes.forgetting.erase import Erased, end, permit
from storage.catalog.writes.forgetting.redact import redact_audit

sqlite_only = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def write(catalog: Catalog, *names: str) -> None:
    with catalog.write() as s:
        for name in names:
            writes.record_audit(s, actor="ann", action="start flow", entity="run", entity_id=1, after={"subject": name})


def report(catalog: Catalog, anchor: AuditHead | None = None) -> ChainReport:
    with catalog.read() as s:
        return views.verify_audit(s, anchor)


def tamper(catalog: Catalog, statement: str) -> None:
    """As somebody does who may do everything in the database."""
    trigger = "DROP TRIGGER IF EXISTS audit_no_{}"
    with catalog.write() as s:
        postgres = s.get_bind().dialect.name == "postgresql"
        for one in ("update", "delete"):
            s.execute(text(trigger.format(one) + (" ON audit" if postgres else "")))
        s.execute(text(statement))


def test_an_empty_audit_and_one_that_nobody_changed(catalog: Catalog) -> None:
    assert report(catalog) == ChainReport(0, 0, 0, "", AuditHead(0, START))
    write(catalog, "pip", "momo")
    write(catalog, "bolt")
    found = report(catalog)
    assert (found.entries, found.broken) == (3, 0)
    with catalog.read() as s:
        assert views.audit_head(s) == found.head


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE id = 2", 2),
        ("UPDATE audit SET created_at = '2020-01-01 00:00:00' WHERE id = 3", 3),
        ("""UPDATE audit SET after = '{"subject": "other"}' WHERE id = 2""", 2),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("""UPDATE audit SET after = '{}', salt = '' WHERE id = 2""", 2),  # as if it had been forgotten
        ("UPDATE audit SET salt = '00' WHERE id = 1", 1),
    ],
)
def test_the_first_changed_entry_is_named(catalog: Catalog, change: str, broken: int) -> None:
    write(catalog, "pip", "momo", "bolt", "tin")
    tamper(catalog, change)
    found = report(catalog)
    assert (found.broken, bool(found.why)) == (broken, True)


def test_a_head_that_was_kept_shows_what_was_cut_off_or_made_anew(catalog: Catalog) -> None:
    write(catalog, "pip", "momo")
    kept = report(catalog).head
    write(catalog, "bolt")
    assert report(catalog, kept).broken == 0
    assert report(catalog, AuditHead(kept.number, "0" * 64)).broken == kept.number
    tamper(catalog, f"DELETE FROM audit WHERE id >= {kept.number}")
    assert report(catalog).broken == 0
    assert report(catalog, kept).broken == kept.number


def test_what_is_forgotten_goes_and_the_chain_holds(catalog: Catalog) -> None:
    write(catalog, "pip", "momo", "pip")
    with catalog.write() as s:
        gone = redact_audit(s, "pip")
        end(s, Erased())
        writes.record_audit(s, actor="bob", action="forget", entity="subject", entity_id=1, after={"redacted": gone})
    found = report(catalog)
    assert (gone, found.entries, found.redacted, found.broken) == ([1, 3], 4, 2, 0)
    with catalog.read() as s:
        rows = views.audit_page(s).rows
    assert "pip" not in str(rows)
    assert "momo" in str(rows)


@pytest.mark.parametrize("name", ["masks", "redacted"])
def test_a_subject_named_as_a_key_goes_and_the_chain_holds(catalog: Catalog, name: str) -> None:
    def forget(subject: str) -> list[int]:
        with catalog.write() as s:
            after = {"masks": 1, "redacted": (gone := redact_audit(s, subject))}
            end(s, Erased())
            writes.record_audit(s, actor="bob", action="forget", entity="subject", entity_id=1, after=after)
        return gone

    write(catalog, "pip")
    assert forget("pip") == [1]
    with catalog.write() as s:
        after = {"masks": 2, "redacted": "no", "subject": "momo"}
        writes.record_audit(s, actor="ann", action="edit", entity="reference", entity_id=1, after=after)
    write(catalog, name)
    assert forget(name) == [4]  # neither the counts of the forgetting before it, nor the entry with the key alone
    assert (report(catalog).entries, report(catalog).redacted, report(catalog).broken) == (5, 2, 0)


def test_the_hashes_of_a_forgotten_entry_cannot_be_changed(catalog: Catalog) -> None:
    write(catalog, "pip")
    with catalog.write() as s:
        permit(s, "audit", [1])
        with pytest.raises(Exception, match="audit is append-only"):
            s.execute(text("UPDATE audit SET sha256 = 'x' WHERE id = 1"))
        s.rollback()


def test_many_at_once_make_one_chain(catalog: Catalog) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: write(catalog, f"a{i}", f"b{i}"), range(24)))
    assert (report(catalog).entries, report(catalog).broken) == (48, 0)


def test_what_is_rolled_back_leaves_no_entry(catalog: Catalog) -> None:
    with catalog.write() as s:
        writes.record_audit(s, actor="ann", action="a", entity="b", entity_id=1)
        s.rollback()
    write(catalog, "pip")
    assert (report(catalog).entries, report(catalog).broken) == (1, 0)


@sqlite_only
def test_entries_from_before_are_chained_as_they_stand(kind: str, tmp_path: Path) -> None:
    url = catalog_url(f"sqlite:///{tmp_path}/old.db")
    migrate.upgrade(url, "0023")
    engine = make_engine(url)
    with writing(engine).begin() as connection:
        for number, name in ((1, "pip"), (7, "momo")):
            values = f"{number}, 'ann', 'log in', 'user', '1', '{{}}', '{{\"name\": \"{name}\"}}'"
            connection.execute(
                text(
                    "INSERT INTO audit (id, actor, action, entity, entity_id, before, after, created_at) "
                    f"VALUES ({values}, '2026-01-02 03:04:05.000006')".replace(":", "\\:")
                )
            )
    engine.dispose()
    with Catalog.open(str(url)) as catalog:
        write(catalog, "bolt")
        found = report(catalog)
        assert (found.entries, found.broken, found.head.number) == (3, 0, 8)
        tamper(catalog, "UPDATE audit SET actor = 'bob' WHERE id = 7")
        assert report(catalog).broken == 7
    migrate.downgrade(url, "0023")
    migrate.upgrade(url)
