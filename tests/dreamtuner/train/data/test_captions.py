"""Lists of tags are shuffled and thinned out by a generator; the first ones stay."""

import torch

from dreamtuner.train.data.captions import TagSettings, as_tags, split_tags

TAGS = "1girl, long hair, smile, blue eyes, hat, sitting"


def _changed(settings: TagSettings, seed: int) -> list[str]:
    return split_tags(settings.changed(TAGS, torch.Generator().manual_seed(seed)))


def test_the_first_tag_stays_and_the_others_change():
    found = [_changed(TagSettings(dropout=0.5), seed) for seed in range(20)]
    assert {one[0] for one in found} == {"1girl"}
    assert len({tuple(one) for one in found}) > 15
    assert found == [_changed(TagSettings(dropout=0.5), seed) for seed in range(20)]


def test_without_dropout_all_tags_stay():
    assert sorted(_changed(TagSettings(dropout=0), 1)) == sorted(split_tags(TAGS))
    assert _changed(TagSettings(dropout=0, shuffle=False), 1) == split_tags(TAGS)


def test_underscores_become_spaces_but_not_in_faces():
    assert as_tags("1girl,long_hair , ^_^,,blue_eyes") == "1girl, long hair, ^_^, blue eyes"
