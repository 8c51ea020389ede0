"""Generates the cells of a run in one process: claim, generate, and store images in the background.

The next cells are claimed while the current ones are generated. A cell fails by its own fault only: while catalog,
store or disk are unavailable, cells are released and the worker waits; cells that it lacks weights or memory for are
released too.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from PIL import Image
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.sampling.reference_cache import ReferenceCache
from flows.execution.claims.abilities import Abilities
from flows.execution.claims.chunk_claims import ChunkClaims, Claimed
from flows.execution.costs.served import CellAccount
from flows.execution.costs.stop import Unpriced
from flows.execution.generate_batch import Group, generate_groups, group_by_reference
from flows.execution.generated.pictures import why_waiting
from flows.execution.image_writer import GeneratedImage, ImageWriter
from flows.execution.inputs.references import FrameMissingError
from flows.execution.recipe_rows import recipe_of_row
from flows.execution.replay.environment import made_with
from flows.faults import CellChangedError, UnfitModelError
from flows.outcome import CellOutcomes
from flows.planning.cells import canonical
from flows.progress import report_note, report_part
from flows.resources import Resources
from storage.catalog import views, writes
from storage.catalog.leases.cells import CellHeartbeat
from storage.catalog.owners import this_owner
from storage.catalog.records import CellDetail, ClaimedCells, WorkFigures

T = TypeVar("T")
_log = logging.getLogger(__name__)

MEMORY_PAUSES = (1.0, 4.0, 15.0, 40.0)
"""Seconds before each retry of a single cell that does not fit in memory, once per worker: another process frees its
memory within a minute, or it does not."""


IDLE_REFERENCES = 256 * 1024 * 1024
"""Bytes of keys and values that subjects beside the one at work may keep: those of scenes stand in several images."""


class Worker:
    """Generates cells; a context manager. `blocked`: as in `CellOutcomes`, so far.

    `later`: those waiting for an image, such as the frame before, by digest with that of the awaited cell.

    On exit, also by an exception, generated images are stored and unfinished cells return to planned.
    """

    def __init__(self, resources: Resources, run_id: str | None) -> None:
        self.resources = resources
        self.catalog, self.owner = resources.catalog, this_owner()
        self._run = self._serves = run_id
        self.beat = CellHeartbeat(self.catalog, self.owner, lease_seconds=resources.settings.lease_seconds)
        self.patience = resources.patience()
        self.writer = ImageWriter(
            self.catalog,
            resources.store,
            self.patience,
            owner=self.owner,
            on_stored=self.beat.release,
            device=resources.device_class,
        )
        self.references = ReferenceCache(spare=IDLE_REFERENCES)
        self.blocked: dict[str, str] = {}
        self.later: dict[str, str] = {}
        self._generated: list[str] = []  # of the current chunk, like the next two
        self._failed: list[str] = []
        self._released: dict[str, str] = {}
        self._recipes: dict[str, str] = {}
        self._made_with: dict[str, Any] = {}
        self._failures = 0
        self._stranded = False  # whether leased cells could not be released
        self._memory_pauses = iter(MEMORY_PAUSES)
        self._able = Abilities(resources, run_id)
        most, leaves = resources.settings.chunk_cells, Unpriced(resources)
        self.claims = ChunkClaims(self.beat, run_id or "", most=most, able=self._able, leaves=leaves)
        self._claimer = ThreadPoolExecutor(1, thread_name_prefix="claim")
        self._ahead: Future[Claimed | None] | None = None
        self._claimed: dict[tuple[str, ...], list[CellDetail]] = {}
        self.account = CellAccount(resources, run_id, self._so_far, lambda run: len(self.writer.made.get(run, ())))

    @property
    def made(self) -> list[str]:
        """Return the digests of the cells of its run stored so far."""
        return self.writer.made.get(self._run, [])

    def next_chunk(self) -> ClaimedCells | None:
        """Return the next chunk to `make`, which is claimed; None if nothing is left to claim of the worker's run."""

        def take() -> Claimed | None:
            ahead, self._ahead = self._ahead, None
            return self.claims.next(self.blocked) if ahead is None else ahead.result()

        found = self.patience.retry(take)
        if found is None:
            return None
        chunk, cells = found
        self._serves = chunk.run_id
        self.account.serve(chunk.run_id)
        self._claimed = {tuple(chunk.digests): cells}
        return chunk

    def claim_ahead(self) -> None:
        """Begin to claim the chunk after this one: `next_chunk` returns it, or raises its errors."""
        self._ahead = self._claimer.submit(self.claims.next, dict(self.blocked))

    def make(self, digests: Sequence[str]) -> CellOutcomes:
        """Claim and generate; images are stored in the background, with errors raised by this, a later call or `flush`.

        Unavailable: something needed stayed unavailable for too long; unfinished cells return to planned.
        """
        self._generated, self._failed, self._released = [], [], {}
        left = list(digests)

        def attempt() -> None:
            if self._stranded:
                self._release_all()
            ready = self._claimed.pop(tuple(left), None)
            cells = self._claim(left) if ready is None else ready
            groups = group_by_reference(self._current(cells))
            generate_groups(groups, self.resources, self, self.references, on_progress=self._progress)

        def retreat() -> bool:
            done = {*self._generated, *self._failed, *self._released}
            before, left[:] = len(left), [digest for digest in left if digest not in done]
            self.writer.send()
            self._release_all()
            return len(left) < before

        self.patience.retry(attempt, retreat=retreat)
        self.writer.send()
        return CellOutcomes(tuple(self._generated), tuple(self._failed), self._released)

    def flush(self) -> None:
        """Wait until all generated images are stored; raise the error if that failed."""
        self.writer.flush()

    def ask(self, query: Callable[[Session], T]) -> T:
        """Read from the catalog, as often as it takes."""

        def read() -> T:
            with self.catalog.read() as s:
                return query(s)

        return self.patience.retry(read)

    def say_unable(self, run_id: str) -> dict[str, str]:
        """Record why planned cells of the run cannot be generated here; return the reasons by digest.

        A worker that can generate them takes them nevertheless.
        """
        found: dict[str, str] = {}
        for profile_id, reason in self.claims.unable.items():
            said = partial(writes.block_cells, run_id=run_id, profile_id=profile_id, reason=reason)
            found |= dict.fromkeys(self.patience.retry(partial(self.catalog.transact, said)), reason)
        return found

    def retry_frames(self) -> bool:
        """Unblock the cells whose awaited image is generated by now, by whichever worker; return whether there are."""
        if not self.later:
            return False
        states = self.ask(lambda s: views.cell_states_of(s, sorted({*self.later.values()})))
        there = [digest for digest, awaited in self.later.items() if states.get(awaited) == "generated"]
        for digest in there:
            del self.later[digest]
            self.blocked.pop(digest, None)
        return bool(there)

    def say_waiting(self) -> dict[str, str]:
        """Say at the cells that still wait for an image what became of that; return the reasons by digest.

        It may have failed for good after they were tried.
        """
        found: dict[str, str] = {}
        for awaited in dict.fromkeys(self.later.values()):
            waiting = [digest for digest, one in self.later.items() if one == awaited]
            cells = self.ask(partial(views.cells, digests=waiting[:1]))
            reason = why_waiting(cells[0], self.resources) if cells else None
            if reason is None:
                continue
            said = partial(writes.explain_cells, digests=waiting, reason=reason)
            found |= dict.fromkeys(self.patience.retry(partial(self.catalog.transact, said)), reason)
        return found

    def _claim(self, digests: Sequence[str]) -> list[CellDetail]:
        """Claim the cells that no other worker has leased; none of a catalog that is newer than this code."""
        self.catalog.demand_current()
        claimed = self.beat.claim(digests)
        with self.catalog.read() as s:
            return views.cells(s, claimed)

    def _current(self, cells: Sequence[CellDetail]) -> list[CellDetail]:
        """Return the cells that this engine version planned; release the others."""
        found = []
        for cell in cells:
            try:
                self._recipes[cell.digest] = canonical(recipe_of_row(cell))
            except (CellChangedError, ValidationError) as error:
                self.release([cell], error)
            else:
                found.append(cell)
        return found

    def _release_all(self) -> None:
        """Release all unfinished cells, including those claimed ahead; if the catalog fails, try again later."""
        ahead, self._ahead, self._claimed = self._ahead, None, {}
        if ahead is not None and not ahead.cancel():
            ahead.exception()  # wait: what it claims is leased by then
        held = [digest for digest in self.beat.held if digest not in self.writer.unstored]
        try:
            self.catalog.transact(lambda s: self._hand_back(s, held))
        except SQLAlchemyError as error:
            self._stranded = True
            _log.warning("%d cells could not be released: %s", len(held), error)
            return
        self._stranded = False
        for digest in held:
            self.account.take(digest)
            self.beat.release(digest)

    def _hand_back(self, s: Session, digests: Sequence[str], reason: str | None = None) -> None:
        """Release cells, with what was spent on them."""
        released = writes.release_cells(s, digests, owner=self.owner, reason=reason)
        writes.spend_on_cells(s, self.account.of(released), self.account.device)

    def _so_far(self) -> WorkFigures:
        return WorkFigures(
            failures=self._failures,
            leases_lost=self.beat.lost + self.writer.discarded,
            uploads_waiting=len(self.writer.unstored),
        )

    def measured(self, cells: Group) -> AbstractContextManager[None]:
        """See flows.execution.generate_batch.ResultHandler."""
        digests = [cell.digest for cell in cells]
        self._made_with = made_with(self.resources, digests)
        return self.account.measured(digests)

    def _leave(self) -> None:
        """Stop being a worker of the catalog; if that fails, its lease expires."""
        if not self.beat.held:
            try:
                self.beat.leave()
            except SQLAlchemyError as error:
                _log.warning("this worker could not be removed from the catalog: %s", error)

    def store(self, cell: CellDetail, image: Image.Image) -> None:
        """See flows.execution.generate_batch.ResultHandler."""
        self._generated.append(cell.digest)
        seconds = self.account.take(cell.digest)
        recipe = self._recipes.pop(cell.digest)
        self.writer.put(GeneratedImage(cell.digest, image, recipe, self._serves, seconds, self._made_with))

    def fail(self, cell: CellDetail, error: Exception) -> None:
        """See flows.execution.generate_batch.ResultHandler."""
        reason = f"{type(error).__name__}: {error}"
        about = {"cell": cell.digest, "subject": cell.subject_name}
        _log.warning("cell %s failed: %s", cell.digest, reason, extra=about)
        seconds, device = self.account.take(cell.digest), self.account.device
        self.catalog.transact(
            lambda s: writes.fail_cell(
                s, cell.digest, owner=self.owner, error=reason, device_seconds=seconds, device=device
            )
        )
        self._failures += 1
        self.beat.release(cell.digest)
        self._failed.append(cell.digest)

    def release(self, cells: Group, error: Exception) -> None:
        """See flows.execution.generate_batch.ResultHandler."""
        digests, reason = [cell.digest for cell in cells], str(error)
        _log.warning("%d cells cannot be generated by this worker: %s", len(cells), reason, extra={"cells": digests})
        self.catalog.transact(lambda s: self._hand_back(s, digests, reason))
        for digest in digests:
            self.account.take(digest)
            self.beat.release(digest)
            self._released[digest] = self.blocked[digest] = reason
        if isinstance(error, UnfitModelError | WeightsMissingError):  # so are all cells of this model
            self._able.learn(cells[0].profile, cells[0].weights_digest, reason)
        if isinstance(error, FrameMissingError):
            self.later.update(dict.fromkeys(digests, error.awaited))

    def wait_for_memory(self) -> bool:
        """See `ResultHandler`. Waits a minute in all: a grid of such cells would take for ever otherwise."""
        pause = next(self._memory_pauses, None)
        if pause is None or pause > self.resources.settings.patience_seconds:
            return False
        report_note("waiting for memory")
        time.sleep(pause)
        return True

    def _progress(self, done: float) -> None:
        report_part("generate", done)

    def __enter__(self) -> Self:
        self.beat.__enter__()
        self.account.__enter__()
        self.writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.writer.__exit__(kind, error, trace)
        finally:
            self._release_all()
            self.references.clear()
            self._claimer.shutdown()
            self.account.__exit__(kind, error, trace)
            self.beat.__exit__(kind, error, trace)
            self._leave()
