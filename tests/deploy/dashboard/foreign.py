"""Everything that a project can have, under names that begin with `zz`, for tests that nobody else sees any of it."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from storage.catalog.records import RunWarning
from storage.catalog.schema import AttentionMap, Cell, LineageEvent, OrderPreset, Output, QueueSplit, Reference, Run
from tests.deploy.dashboard.made_up import plain, png
from tests.storage.projects import add_pictures

MARK = "zz"


@dataclass(frozen=True)
class Foreign:
    """Values of all parameters that name something of the foreign project, and the digests of its pictures."""

    values: dict[str, str]
    digests: frozenset[str]
    project_id: int


def add_foreign(catalog: Catalog, owner_id: int) -> Foreign:
    """Add a project of the user `owner_id` alone, with one of everything."""
    who = "zzreviewer"
    with catalog.write() as s:
        project = writes.add_project(s, name="zzproject", actor=who, purpose="commercial", quota=1000.0)
        writes.set_member(s, project, owner_id, "admin", actor=who)
        run = add_pictures(s, project, "zzsubject", ["zzone", "zztwo", "zzthree"], run="zzrun")
        flow_run = "5d0c1c5e-0000-4000-8000-000000000001"
        s.get_one(Run, run).flow_run_id = flow_run
        outputs = list(s.scalars(select(Output.id).join(Cell).where(Cell.prompt.startswith("prompt zz"))))
        first = outputs[0]
        subject = views.subject_id(s, "zzsubject")
        reference = s.scalars(select(Reference.id).where(Reference.subject_id == subject)).one()
        mask, map_, depth = (_blob(s, f"zz {name}") for name in ("mask", "map", "depth"))
        mask_id = writes.add_mask(
            s, reference_id=reference, mask_sha256=mask, method="zzmasker", confidence=0.5, doubtful=True
        )
        for kind, text, image in (("caption", "zzcaption", None), ("depth", None, depth)):
            note: dict[str, Any] = {"text": text, "image_sha256": image, "method": "zzmethod"}
            writes.add_annotation(s, reference_id=reference, kind=kind, **note)
        shown = s.get_one(Output, first)
        fields: dict[str, Any] = {"output_id": first, "image_sha256": shown.image_sha256, "map_sha256": map_}
        s.add(AttentionMap(**fields, x=0.5, y=0.5, said="zzmap"))
        warning = RunWarning(kind="subject", message="zzwarning", place="subjects[0]", subject="zzsubject")
        writes.replace_warnings(s, run, [warning], {"zzsubject": subject})
        for kind in ("tag", "collection"):
            label = writes.add_label(s, kind=kind, name=f"zz{kind}", actor=who)
            writes.put_label(s, label, outputs, actor=who)
        decided: dict[str, Any] = {"output_id": first, "revision": 1, "reviewer": who, "note": "zznote"}
        writes.add_review(s, uuid="zz-uuid-1", decision="approved", **decided)
        writes.begin_batch(s, id="zzbatch", reviewer=who, decision="flagged", filter={"prompt": "zz"})
        writes.decide_part(s, "zzbatch", [writes.Seen(outputs[1], 1)], approvals_needed=1)
        writes.end_batch(s, "zzbatch")
        writes.add_vote(s, uuid="zz-vote-1", person=who, winner_id=first, loser_id=outputs[1], blind=True)
        of: dict[str, Any] = {"user_id": owner_id, "title": "zzqueue", "filter": {"prompt": "zz"}}
        queue = writes.add_queue(s, output_ids=outputs, **of)
        writes.share_queue(s, queue, shared=True)
        split = writes.add_split(s, output_ids=outputs, parts=2, **of)
        writes.save_preset(s, user_id=owner_id, name="zzpreset", spec="name: zzspec", shared=True)
        preset = s.scalars(select(OrderPreset.id).where(OrderPreset.name == "zzpreset")).one()
        writes.add_order_file(s, sha256=_blob(s, "zz order file"), kind="pose", name="zzfile", person=who)
        link = writes.add_client_link(
            s,
            token_sha256="zz" * 32,
            project_id=project,
            title="zzlink",
            mark="zzmark",
            output_ids=outputs,
            password=None,
            expires_at=now() + timedelta(days=1),
            actor=who,
        )
        writes.record_audit(s, actor=who, action="zzaction", entity="output", entity_id=first)
        image = s.scalars(select(Output.image_sha256).where(Output.id == first)).one()
        pictures = {*s.scalars(select(Output.image_sha256).where(Output.id.in_(outputs)))}
        cells = {*s.scalars(select(Cell.digest).join(Output).where(Output.id.in_(outputs)))}
        reference_image = s.scalars(select(Reference.image_sha256).where(Reference.id == reference)).one()
        caption = next(one.id for one in views.annotations_of(s, reference) if one.kind == "caption")
    values = {
        "output_id": str(first),
        "of": str(first),
        "ids": ",".join(map(str, outputs)),
        "subject_id": str(subject),
        "reference_id": str(reference),
        "mask_id": str(mask_id),
        "annotation_id": str(caption),
        "run_id": run,
        "first": run,
        "second": run,
        "flow_run_id": flow_run,
        "queue_id": queue,
        "split_id": split,
        "batch_id": "zzbatch",
        "sha256": image,
        "digest": min(cells),
        "project_id": str(project),
        "entity": "output",
        "entity_id": str(first),
        "link_id": str(link),
        "preset_id": str(preset),
        "preset": str(preset),
        "number": "1",
        "kind": "caption",
        "tag": "zztag",
        "collection": "zzcollection",
        "reviewer": who,
        "waits_for": who,
        "pose": depth,
        "depth": depth,
        "prompt": "prompt",
    }
    return Foreign(values, frozenset({*pictures, *cells, reference_image, mask, map_, depth}), project)


def state_of(catalog: Catalog, foreign: Foreign) -> list[str]:
    """What the catalog holds of the foreign project, to compare before and after."""
    with catalog.read() as s:
        outputs = select(Output.id).join(Cell).where(Cell.prompt.startswith("prompt zz"))
        kinds = [Output, Cell, Run, Reference, AttentionMap, QueueSplit, OrderPreset]
        rows = [f"{kind.__tablename__}: {s.scalar(select(func.count()).select_from(kind))}" for kind in kinds]
        rows += [_row(one) for one in s.scalars(select(Output).where(Output.id.in_(outputs)).order_by(Output.id))]
        rows += [_row(one) for one in s.scalars(select(Run).where(Run.name == "zzrun"))]
        subject = views.subject(s, int(foreign.values["subject_id"]))
        events = select(func.count()).select_from(LineageEvent).where(LineageEvent.entity_id.in_(foreign.digests))
        labels = {one: sorted(two) for one, two in views.labels_of(s, s.scalars(outputs).all()).items()}
        rows += [repr(views.client_links(s)), repr(views.queue(s, foreign.values["queue_id"]))]
        return [*rows, repr(subject), repr(labels), str(s.scalar(events)), repr(views.project(s, foreign.project_id))]


def _row(one: object) -> str:
    return repr({column.key: getattr(one, column.key) for column in inspect(type(one)).columns})


def _blob(s: Session, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()
    writes.record_blob(s, sha256=digest, size=1, content_type="image/png")
    return digest


def upload() -> bytes:
    """A picture to send."""
    return png(plain(0, 0, 0))
