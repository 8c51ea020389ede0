"""Random-weight stand-ins of auxiliary models, tiny, in a cache of the hub that is on this disk alone."""

from pathlib import Path

import torch
from transformers import (
    AddedToken,
    BartConfig,
    BartTokenizer,
    BertTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
    Florence2Config,
    Florence2ForConditionalGeneration,
    T5Config,
    T5Tokenizer,
    ViTConfig,
    ViTModel,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.florence2.configuration_florence2 import Florence2VisionConfig

from tests.standins import LENGTH, letters

COMMIT = "1" * 40
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def in_cache(cache: Path, repository: str) -> Path:
    """Create the snapshot of a repository in a cache; return its folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    return snapshot


def write_clip(folder: Path, *, width: int = 16, patch: int = 32) -> Path:
    """Write a CLIP model for 224 pixels, with OpenAI's image processing and a tokenizer of letters."""
    text = CLIPTextConfig(
        **SMALL, vocab_size=57, max_position_embeddings=LENGTH, bos_token_id=54, eos_token_id=55, projection_dim=width
    )
    vision = CLIPVisionConfig(**SMALL, image_size=224, patch_size=patch, projection_dim=width)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        CLIPModel(
            CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=width)
        ).save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    letters().save_pretrained(folder)
    return folder


def write_dino(folder: Path) -> Path:
    """Write a DINO model: a ViT of patches of 16 pixels, with biases in queries, keys and values."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        ViTModel(ViTConfig(**SMALL, image_size=224, patch_size=16)).save_pretrained(folder)
    return folder


def write_dinov2(folder: Path) -> Path:
    """Write a DINOv2 model: patches of 14 pixels, positions for 518 pixels, scaled layers."""
    small = {name: value for name, value in SMALL.items() if name != "intermediate_size"}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        Dinov2Model(Dinov2Config(**small, image_size=518, patch_size=14)).save_pretrained(folder)
    return folder


def write_blip(folder: Path) -> Path:
    """Write a BLIP that captions, for 384 pixels, with a tokenizer of few words that lacks the first token."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "photo", "of", "bear", "in", "the", "snow", "red", "hat"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    text = {
        **SMALL,
        "vocab_size": len(words) + 1,
        "encoder_hidden_size": 16,
        "projection_dim": 16,
        "bos_token_id": len(words),
    }
    ids = {"eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0, "max_position_embeddings": 64, "is_decoder": True}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = BlipForConditionalGeneration(
            BlipConfig(
                text_config=BlipTextConfig(**text, **ids).to_dict(),
                vision_config=BlipVisionConfig(**SMALL, image_size=384, patch_size=96).to_dict(),
                projection_dim=16,
                image_text_hidden_size=16,
            )
        )
    model.save_pretrained(folder)
    BlipImageProcessorPil(image_mean=(0.48, 0.46, 0.41), image_std=(0.27, 0.26, 0.28)).save_pretrained(folder)
    return folder


def write_depth_anything(folder: Path) -> Path:
    """Write a Depth Anything over a DINOv2 of four layers, with the image processing of the published models."""
    stages = {"out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False}
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=518, patch_size=14, **stages
    )
    with torch.random.fork_rng():
        torch.manual_seed(6)
        DepthAnythingForDepthEstimation(
            DepthAnythingConfig(
                backbone_config=backbone,
                reassemble_hidden_size=16,
                neck_hidden_sizes=[4, 4, 8, 8],
                fusion_hidden_size=8,
                head_hidden_size=4,
            )
        ).save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 518, "width": 518},
        keep_aspect_ratio=True,
        ensure_multiple_of=14,
        resample=3,
        image_mean=(0.485, 0.456, 0.406),
        image_std=(0.229, 0.224, 0.225),
    ).save_pretrained(folder)
    return folder


def write_florence2(folder: Path) -> Path:
    """Write a Florence-2 for 64 pixels, with a tokenizer of letters and <image>."""
    known = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(set("What does the image describe?".replace(" ", "Ġ")))]
    tokenizer = BartTokenizer(
        vocab={token: i for i, token in enumerate(known)}, merges=[], extra_special_tokens={"image_token": "<image>"}
    )
    four = dict.fromkeys(("depths", "num_heads", "num_groups"), (1,) * 4)
    vision = Florence2VisionConfig(**four, embed_dim=(8,) * 4, window_size=2, projection_dim=16)
    layers = {f"{half}_{name}": n for half in ("encoder", "decoder") for name, n in (("layers", 1), ("ffn_dim", 16))}
    heads = {f"{half}_attention_heads": 2 for half in ("encoder", "decoder")}
    text = BartConfig(
        **layers, **heads, vocab_size=len(tokenizer), d_model=16, max_position_embeddings=128, forced_bos_token_id=0
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Florence2ForConditionalGeneration(
            Florence2Config(
                text_config=text.to_dict(), vision_config=vision.to_dict(), image_token_id=tokenizer.image_token_id
            )
        )
    model.save_pretrained(folder)
    side = {"height": 64, "width": 64}
    CLIPImageProcessorPil(size=side, crop_size=side, do_center_crop=False, image_seq_length=5).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_blip2(folder: Path) -> Path:
    """Write a BLIP-2 over a T5 of few words, for 224 pixels; its weights are large enough to tell images apart."""
    words = ["<pad>", "</s>", "<unk>", "▁a", "▁photo", "▁of", "▁bear", "▁in", "▁the", "▁snow", "▁red", "▁hat", "▁"]
    tokenizer = T5Tokenizer(vocab=[(word, -float(i)) for i, word in enumerate(words)], extra_ids=0)
    tokenizer.add_tokens([AddedToken("<image>", normalized=False, special=True)], special_tokens=True)
    text = T5Config(
        vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    config = Blip2Config(
        vision_config=Blip2VisionConfig(**SMALL, image_size=224, patch_size=56).to_dict(),
        qformer_config=Blip2QFormerConfig(**SMALL, vocab_size=20, encoder_hidden_size=16).to_dict(),
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=len(tokenizer) - 1,
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = Blip2ForConditionalGeneration(config)
        for one in model.parameters():
            if one.ndim > 1:
                one.normal_(0, 0.3)
    model.save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 224, "width": 224}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
