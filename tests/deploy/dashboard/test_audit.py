"""Every write of the dashboard leaves a line in the audit, of whoever did it."""

import io
import re
from typing import Any

from fastapi.routing import APIRoute

from deploy.dashboard.routes import routers
from storage.catalog import views, writes
from storage.catalog.records import Arrangement
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png

WITH_PREFECT = {
    "/flows/run",
    "/flows/{flow_run_id:uuid}/cancel",
    "/orders/schedules/{schedule_id:uuid}/delete",
    "/orders/schedules/{schedule_id:uuid}/pause",
    "/orders/schedules/{schedule_id:uuid}/resume",
    "/outputs/{output_id:int}/attention",
    "/runs/{run_id}/again",
}
"""test_flows_live.py, test_order_form.py and test_run_page.py order these."""
FORM = re.compile(r'action="/bulk/(\w+)"')


def test_every_write_leaves_a_line(site: Site) -> None:
    seen: set[str] = set()
    for output in (2, 3):
        site.say("operator", output, "approved", 1)
    better = plain(0, -2, 0)
    better.paste(255, (0, 0, 20, 20))
    said = {"uuid": "by-the-test", "output_id": 1, "revision": 1, "decision": "flagged", "rating": 2}
    with site.catalog.read() as s:
        admin = next(one.id for one in views.users(s) if one.name == "admin")
    with site.client("admin") as client:

        def wrote(route: str, path: str, action: str, **sent: Any) -> str:
            with site.catalog.read() as s:
                (before, *_) = views.audit_page(s).rows
            answer = client.post(path, **sent)
            assert answer.status_code in (200, 204, 303), answer.text
            with site.catalog.read() as s:
                (line, *_) = views.audit_page(s).rows
            assert line.id > before.id, path
            assert (line.actor, line.action) == ("admin", action)
            seen.add(route)
            return answer.text

        wrote("/review", "/review", "freeze queue", data={"decision": "none"})
        with site.catalog.read() as s:
            mine = views.queues_of(s, admin)[0].id
        wrote("/review/{queue_id}/share", f"/review/{mine}/share", "share queue")
        wrote("/review/{queue_id}/delete", f"/review/{mine}/delete", "delete queue")
        wrote("/review", "/review", "split queue", data={"parts": "2"})
        with site.catalog.read() as s:
            split = views.splits_of(s, admin)[0][0]
        parts, of = "/review/splits/{split_id}", f"/review/splits/{split}"
        wrote(f"{parts}/take", f"{of}/take", "take part")
        wrote(f"{parts}/parts/{{number:int}}/free", f"{of}/parts/1/free", "free part")
        wrote(f"{parts}/new", f"{of}/new", "extend split")
        wrote("/api/votes", "/api/votes", "vote", json={"uuid": "one-vote", "winner_id": 1, "loser_id": 2})
        wrote("/labels", "/labels", "add tag", data={"kind": "tag", "name": "hero", "ids": "1,2"})
        wrote("/filters", "/filters", "save filter", data={"name": "snow", "prompt": "snow"})
        wrote("/filters/{filter_id:int}/delete", "/filters/1/delete", "delete filter")
        rather = {"name": "rating_moves_on", "value": "yes"}
        wrote("/orders", "/orders", "keep preset", data={"do": "preset", "preset_name": "mine", "name": "trip"})
        wrote("/orders/presets/{preset_id:int}/delete", "/orders/presets/1/delete", "delete preset")
        table = {"new_feed": ("subjects.csv", io.BytesIO(b"name\npip"), "text/csv")}
        wrote("/orders", "/orders", "upload for orders", data={"do": "feed"}, files=table)
        wrote("/account/preferences", "/account/preferences", "change preference", data=rather)
        wrote("/api/reviews", "/api/reviews", "review", json=said)
        with site.catalog.read() as s:
            (line, *_) = views.audit_page(s, entity="output", entity_id="1").rows
        assert (line.before["decision"], line.after["decision"], line.after["rating"]) == ("none", "flagged", 2)
        pictures = [{"output_id": one, "revision": 1} for one in (5, 6)]
        both = {"uuid": "by-the-stack", "output_id": 5, "revision": 1, "pictures": pictures, "decision": "rejected"}
        wrote("/api/reviews/stack", "/api/reviews/stack", "review", json=both)
        with site.catalog.write() as s:
            arranged = Arrangement(ids=[1], hidden=[2], triage={"decisions": 40})
            culled = writes.add_queue(s, user_id=admin, title="culled", filter={}, arranged=arranged)
        wrote("/review/{queue_id}/hidden", f"/review/{culled}/hidden", "show hidden")
        counted = wrote("/bulk/count", "/bulk/count", "freeze queue", data={"subject_id": "2", "to": "rejected"})
        (batch,) = FORM.findall(counted)
        wrote("/bulk/{queue_id}", f"/bulk/{batch}", "decide on many")
        wrote("/bulk/{batch_id}/undo", f"/bulk/{batch}/undo", "undo decision on many")
        wrote("/export/{name}", "/export/zip", "export")
        files = {"mask": ("mask.png", io.BytesIO(png(better)), "image/png")}
        mask = "/subjects/{subject_id:int}/references/{reference_id:int}/mask"
        wrote(mask, "/subjects/1/references/1/mask", "new mask", files=files)
        of = "/subjects/{subject_id:int}/references/{reference_id:int}"
        wrote(f"{of}/{{kind}}/found", "/subjects/1/references/1/mask/found", "find mask")
        wrote(f"{of}/masks/{{mask_id:int}}/use", "/subjects/1/references/1/masks/1/use", "use mask")
        here = "/subjects/1/references/1"
        wrote(f"{of}/caption", f"{here}/caption", "new caption", data={"text": "a bear in the snow"})
        depth = {"image": ("depth.png", io.BytesIO(png(plain(0, 0, 0).convert("L"))), "image/png")}
        wrote(f"{of}/controls", f"{here}/controls", "new depth", data={"kind": "depth"}, files=depth)
        wrote(f"{of}/controls/none", f"{here}/controls/none", "no pose", data={"kind": "pose"})
        with site.catalog.read() as s:
            (reference, *_) = views.subject(s, 1).references
            note = next(one.id for one in reference.annotations if one.kind == "depth")
        wrote(f"{of}/annotations/{{annotation_id:int}}/use", f"{here}/annotations/{note}/use", "use depth")
        told = {"uuid": "from-its-page", "revision": "1", "decision": "approved"}
        wrote("/outputs/{output_id:int}/review", "/outputs/4/review", "review", data=told)
        sent = {"name": "bolt", "class_word": "robot", "style": "natural"}
        picture = {"reference": ("bolt.png", io.BytesIO(png(plain(0, -1, 0))), "image/png")}
        wrote("/subjects", "/subjects", "new reference", data=sent, files=picture)
        wrote("/links", "/links", "add client link", data={"title": "for the client"})
        wrote("/links/{link_id:int}/revoke", "/links/1/revoke", "revoke client link")
        with site.catalog.read() as s:
            (running,) = (one.id for one in views.recent_runs(s))
        wrote("/runs/{run_id}/cancel", f"/runs/{running}/cancel", "cancel run")
        with site.catalog.write() as s:
            (run,) = (one.id for one in views.recent_runs(s))
            writes.finish_run(s, run, "completed")
        forget = "/outputs/{output_id:int}/forget"
        wrote(forget, "/outputs/7/forget", "forget")
        wrote("/subjects/{subject_id:int}/forget", "/subjects/2/forget", "forget", data={"typed": "momo"})
        wrote("/runs/{run_id}/forget", f"/runs/{run}/forget", "forget")
        wrote("/users", "/users", "make link", data={"name": "cleo", "role": "viewer"})
        wrote("/projects", "/projects", "add project", data={"name": "spring"})
        wrote("/projects/{project_id:int}", "/projects/1", "change project", data={"quota": "2"})
        people = "/projects/{project_id:int}/people"
        wrote(people, "/projects/1/people", "set member", data={"user_id": str(admin), "role": "viewer"})
        wrote(people, "/projects/1/people", "remove member", data={"user_id": str(admin)})
        wrote("/projects/subjects", "/projects/subjects", "move subject", data={"subject": "bolt", "project": "spring"})
        with site.catalog.write() as s:
            hook: dict[str, Any] = {"user_id": admin, "url": "https://team.example/hooks", "actor": "setup"}
            writes.add_webhook(s, id="wh_1", events=["run.failed"], **hook)
            writes.finish_run(s, writes.start_run(s, name="x", spec={}, flow_run_id=None), "failed")
        site.catalog.transact(writes.enter_run_events)
        sending = "/webhooks/{webhook_id}/deliveries/{delivery_id:int}/send"
        wrote(sending, "/webhooks/wh_1/deliveries/1/send", "send again")
        switching = "/webhooks/{webhook_id}/active"
        wrote(switching, "/webhooks/wh_1/active", "change webhook", data={"active": "no"})
        with site.catalog.read() as s:
            cleo = next(one.id for one in views.users(s) if one.name == "cleo")
        wrote("/users/{user_id:int}", f"/users/{cleo}", "change user", data={"role": "reviewer", "active": "true"})
        wrote("/users/{user_id:int}/link", f"/users/{cleo}/link", "make link")
        for path in ("/account/tokens", "/tokens"):
            wrote("/account/tokens", "/account/tokens", "add token", data={"name": "t", "scope": "viewer"})
            with site.catalog.read() as s:
                token = views.tokens(s)[0].id
            wrote(f"{path}/{{token_id:int}}/revoke", f"{path}/{token}/revoke", "revoke token")
        wrote("/account/sessions/end", "/account/sessions/end", "log out")
    posts = {
        one.path for router in routers for one in router.routes if isinstance(one, APIRoute) and "POST" in one.methods
    }
    # test_login.py goes through these, and test_export.py through the bucket
    elsewhere = {"/login", "/logout", "/link/{secret}", "/export/bucket"}
    elsewhere |= {"/account/password", "/account/sessions/{sha256}/end"}  # test_account.py
    elsewhere |= {"/inspect", "/orders/check"}  # these change nothing
    elsewhere |= {"/client/{secret}"}  # test_client_links.py
    assert seen | elsewhere | WITH_PREFECT == posts


def test_what_the_audit_shows_is_text(site: Site) -> None:
    with site.catalog.write() as s:
        writes.record_audit(s, actor="ann", action="x", entity="user", entity_id="<b>bob</b>", after={"a": "<i>"})
    with site.client() as client:
        page = client.get("/audit?actor=ann").text
    assert "&lt;b&gt;bob" in page
    assert "<i>" not in page
